"""Streams of chance: what one draw decides never shifts another's. The simulator's page draws the same in the browser.

A stream is Python's Mersenne Twister (Matsumoto and Nishimura, 1998), seeded with a whole number so that it can be
made elsewhere: `random()` alone is used, and what is made of it stands here.
"""

import math
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from random import Random
from statistics import NormalDist

from scenario.model import Distribution, ServiceTime


class Stream(IntEnum):
    """What a stream decides. Services' times are SERVICES and up, in the order in which the stage has them."""

    ARRIVALS = 0
    MIX = 1
    CLIENTS = 2
    WORKERS = 3
    SERVICES = 16


DRAWS = 20_000
STREAMS = 4096  # of one replication


def stream(seed: int, number: int, replication: int = 0) -> Random:
    """Of `seed` in a run's `replication` (from 0). The same for every variant of a scenario: common random numbers."""
    return Random((seed * 100_003 + replication) * STREAMS + number)


def exponential(rng: Random, mean: float) -> float:
    return -mean * math.log(1.0 - rng.random())


def normal(rng: Random) -> float:
    """Box and Muller (1958): one of the two."""
    radius = math.sqrt(-2.0 * math.log(1.0 - rng.random()))
    return radius * math.cos(2.0 * math.pi * rng.random())


def gamma(rng: Random, shape: float) -> float:
    """With scale 1. Marsaglia and Tsang (2000); below shape 1 by theirs of shape + 1."""
    if shape < 1:
        boosted = gamma(rng, shape + 1.0)
        return boosted * math.pow(1.0 - rng.random(), 1.0 / shape)
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(rng)
        v = (1.0 + c * x) ** 3
        if v > 0 and math.log(1.0 - rng.random()) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v


def drawing(time: ServiceTime) -> Callable[[Random], float]:
    """What draws one service time, in seconds."""
    mean, cv = time.mean_seconds, time.cv
    if time.distribution is Distribution.EXPONENTIAL:
        return lambda rng: -mean * math.log(1.0 - rng.random())
    if time.is_constant:
        return lambda rng: mean
    if time.distribution is Distribution.LOGNORMAL:
        middle, deviation = _of_logarithm(time)
        return lambda rng: math.exp(middle + deviation * normal(rng))
    shape, scale = 1.0 / (cv * cv), mean * cv * cv
    return lambda rng: scale * gamma(rng, shape)


def _of_logarithm(time: ServiceTime) -> tuple[float, float]:
    """Mean and deviation of a lognormal time's logarithm."""
    variance = math.log1p(time.cv * time.cv)
    return math.log(time.mean_seconds) - variance / 2, math.sqrt(variance)


def quantile_seconds(time: ServiceTime, share: float) -> float:
    """What `share` (below 1) of the calls does not exceed. Of gamma: of DRAWS draws."""
    if time.is_constant:
        return time.mean_seconds
    if time.distribution is Distribution.EXPONENTIAL:
        return -time.mean_seconds * math.log(1.0 - share)
    if time.distribution is Distribution.LOGNORMAL:
        middle, deviation = _of_logarithm(time)
        return math.exp(middle + deviation * NormalDist().inv_cdf(share))
    return time.mean_seconds * _gamma_quantile(time.cv, share)


@cache
def _gamma_quantile(cv: float, share: float) -> float:
    """With mean 1."""
    rng, draw = Random(1), drawing(ServiceTime(distribution=Distribution.GAMMA, mean_seconds=1.0, cv=cv))
    return sorted(draw(rng) for _ in range(DRAWS))[min(DRAWS - 1, math.ceil(share * DRAWS) - 1)]
