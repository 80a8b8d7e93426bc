"""What is drawn has the mean and the spread that it is said to have, and is drawn the same everywhere."""

import json
import math
import statistics
from random import Random
from typing import Any

import pytest

from scenario.chance import Stream, drawing, exponential, gamma, normal, quantile_seconds, stream
from scenario.model import ServiceTime

DRAWS = 40_000


def a_time(distribution: str, mean: float = 0.8, cv: float = 1.0) -> ServiceTime:
    document: dict[str, Any] = {"distribution": distribution, "mean_seconds": mean, "cv": cv}
    return ServiceTime.model_validate_json(json.dumps(document))


@pytest.mark.parametrize(
    ("distribution", "cv", "spread"),
    [
        ("exponential", 1.0, 1.0),
        ("exponential", 3.0, 1.0),  # cv is of lognormal and gamma
        ("constant", 1.0, 0.0),
        ("lognormal", 0.0, 0.0),
        ("lognormal", 0.3, 0.3),
        ("lognormal", 1.5, 1.5),
        ("gamma", 0.0, 0.0),
        ("gamma", 0.2, 0.2),
        ("gamma", 1.0, 1.0),
        ("gamma", 2.0, 2.0),  # a shape below 1
    ],
)
def test_a_service_time_has_its_mean_and_its_spread(distribution: str, cv: float, spread: float) -> None:
    rng, draw = stream(1, Stream.SERVICES), drawing(a_time(distribution, cv=cv))
    values = [draw(rng) for _ in range(DRAWS)]
    assert min(values) >= 0
    assert statistics.fmean(values) == pytest.approx(0.8, abs=5 * 0.8 * spread / math.sqrt(DRAWS) + 1e-12)
    assert statistics.pstdev(values) / 0.8 == pytest.approx(spread, rel=0.1, abs=1e-12)


@pytest.mark.parametrize("shape", [0.25, 0.9, 1.0, 3.5, 100.0])
def test_gamma_has_the_third_moment_of_a_gamma_too(shape: float) -> None:
    """Skewness is 2/√shape; of lognormal or normal draws with the same mean and spread it would be another."""
    rng = Random(3)
    values = [gamma(rng, shape) for _ in range(DRAWS)]
    mean, deviation = statistics.fmean(values), statistics.pstdev(values)
    skewness = statistics.fmean(((value - mean) / deviation) ** 3 for value in values)
    assert skewness == pytest.approx(2 / math.sqrt(shape), rel=0.15, abs=0.05)


def test_normal_draws_are_normal() -> None:
    rng = Random(3)
    values = [normal(rng) for _ in range(DRAWS)]
    assert statistics.fmean(values) == pytest.approx(0, abs=5 / math.sqrt(DRAWS))
    assert statistics.pstdev(values) == pytest.approx(1, abs=0.02)
    within = sum(abs(value) < 1.959964 for value in values) / DRAWS
    assert within == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize(
    "time", [a_time("exponential"), a_time("lognormal", cv=0.5), a_time("lognormal", cv=2), a_time("gamma", cv=0.5)]
)
def test_a_quantile_is_what_that_share_of_draws_does_not_exceed(time: ServiceTime, share: float) -> None:
    rng, draw = Random(11), drawing(time)
    limit = quantile_seconds(time, share)
    below = sum(draw(rng) <= limit for _ in range(DRAWS)) / DRAWS
    assert below == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / DRAWS) + 0.002)


def test_quantiles_that_have_a_formula_are_exact() -> None:
    assert quantile_seconds(a_time("exponential", mean=2), 0.95) == pytest.approx(5.991464547)
    assert quantile_seconds(a_time("constant", mean=2), 0.999) == 2
    assert quantile_seconds(a_time("gamma", mean=2, cv=0), 0.999) == 2
    median = 0.8 / math.sqrt(1 + 0.5**2)
    assert quantile_seconds(a_time("lognormal", cv=0.5), 0.5) == pytest.approx(median)
    assert quantile_seconds(a_time("lognormal", cv=0.5), 1 - 1e-6) == pytest.approx(
        median * math.exp(4.753424 * math.sqrt(math.log(1.25)))
    )


def test_streams_are_made_of_the_seed_alone_and_do_not_meet() -> None:
    assert [stream(5, number).random() for number in Stream] == [stream(5, number).random() for number in Stream]
    numbers = [
        stream(seed, number, replication).random()
        for seed in range(3)
        for number in range(20)
        for replication in range(3)
    ]
    assert len(set(numbers)) == len(numbers)


def test_other_engines_can_draw_the_same() -> None:
    """A stream is the Mersenne Twister of one whole number, and takes nothing but `random()` from it."""
    twister = Random(5 * 100_003 * 4096 + Stream.ARRIVALS)
    assert exponential(stream(5, Stream.ARRIVALS), 2.0) == -2.0 * math.log(1.0 - twister.random())
