"""Which distribution service times have, by maximum likelihood, and how well it fits."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, pstdev

from scenario.chance import drawing
from scenario.model import Distribution, ServiceTime

CONSTANT_BELOW_CV = 0.05
DRAWS = 4000
LOOKED_AT = 50_000
PRICE = 0.01
"""By which a distribution with one parameter more must be closer."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`distance`: the largest gap between the fitted and the seen distribution function (Kolmogorov), 0 to 1."""

    time: ServiceTime
    distance: float


def fit_times(seconds: Sequence[float]) -> Fit:
    """Of at least one duration, in seconds; of very many, every n-th."""
    seconds = seconds[:: -(-len(seconds) // LOOKED_AT)]
    floor = max(1e-6, min((value for value in seconds if value > 0), default=1e-6) / 2)
    values = [max(floor, value) for value in seconds]  # a log's clock shows 0 for what was shorter than its step
    mean = fmean(values)
    if pstdev(values) < CONSTANT_BELOW_CV * mean:
        return Fit(ServiceTime(distribution=Distribution.CONSTANT, mean_seconds=mean), 0.0)
    return min((_measured(time, values) for time in _candidates(values, mean)), key=_priced)


def _candidates(values: Sequence[float], mean: float) -> list[ServiceTime]:
    logs = [math.log(value) for value in values]
    middle, deviation = fmean(logs), pstdev(logs)
    lognormal_mean = math.exp(middle + deviation * deviation / 2)
    lognormal_cv = min(10.0, math.sqrt(math.expm1(min(50.0, deviation * deviation))))
    # Gamma by Minka's approximation ("Estimating a Gamma distribution", 2002): s = log(mean) - mean(log).
    s = max(1e-9, math.log(mean) - middle)
    shape = (3 - s + math.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
    return [
        ServiceTime(distribution=Distribution.EXPONENTIAL, mean_seconds=mean),
        ServiceTime(distribution=Distribution.LOGNORMAL, mean_seconds=min(3600.0, lognormal_mean), cv=lognormal_cv),
        ServiceTime(distribution=Distribution.GAMMA, mean_seconds=mean, cv=min(10.0, 1 / math.sqrt(shape))),
    ]


def _measured(time: ServiceTime, values: Sequence[float]) -> Fit:
    """Against draws of the fitted one: its distribution function need not be written out."""
    rng, draw = Random(1), drawing(time)
    drawn, seen = sorted(draw(rng) for _ in range(DRAWS)), sorted(values)
    gaps = (abs(bisect_right(drawn, value) / DRAWS - (index + 1) / len(seen)) for index, value in enumerate(seen))
    return Fit(time, max(gaps))


def _priced(fit: Fit) -> float:
    return fit.distance + (0.0 if fit.time.distribution is Distribution.EXPONENTIAL else PRICE)
