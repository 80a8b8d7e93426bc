"""Several runs as one, and how far to trust it."""

from math import hypot
from random import Random
from statistics import fmean

import pytest

from simulator import replications
from simulator.means import differences
from simulator.replications import replicated, simulate
from simulator.steady import batch_means, warm_up
from simulator.student import interval_95, t_95
from tests.simulator.stages import a_stage

SPIKE = {
    "baseline_per_second": 4,
    "duration_seconds": 60,
    "spikes": [{"at_seconds": 10, "duration_seconds": 20, "rate_per_second": 30}],
}


@pytest.mark.parametrize(
    ("freedom", "value"), [(1, 12.7062), (9, 2.26216), (10, 2.22814), (29, 2.04523), (99, 1.98422), (999, 1.96234)]
)
def test_students_t(freedom: int, value: float) -> None:
    assert t_95(freedom) == pytest.approx(value, abs=2e-5)


def test_an_interval_holds_the_mean_in_95_of_100_cases() -> None:
    rng = Random(1)
    held = 0
    for _ in range(1000):
        low, high = interval_95([rng.gauss(5, 2) for _ in range(6)])
        held += low <= 5 <= high
    assert held == pytest.approx(950, abs=20)


def test_the_warm_up_is_found() -> None:
    rng = Random(2)
    values = [10 * 0.97**number + rng.gauss(3, 1) for number in range(2000)]
    cut = warm_up(values)
    assert 40 <= cut <= 400
    assert fmean(values[cut:]) == pytest.approx(3, abs=0.1)
    assert warm_up([rng.gauss(3, 1) for _ in range(2000)]) <= 1000


def test_neighbours_that_are_alike_make_the_interval_wider() -> None:
    rng, value, values = Random(3), 0.0, []
    for _ in range(4000):
        value = 0.98 * value + rng.gauss(0, 1)
        values.append(value)
    (low, high), (naive_low, naive_high) = batch_means(values), interval_95(values)
    assert high - low > 3 * (naive_high - naive_low)
    assert low < 0 < high


def test_means_and_intervals_are_over_the_replications() -> None:
    stage = a_stage(traffic=SPIKE, queue={"ttl_seconds": 5}, replications=5)
    each, all_ = replicated(stage), simulate(stage)
    assert all_.replications == 5
    assert all_.peak_depth == fmean(figures.peak_depth for figures in each)
    low, high = all_.interval_95["shares.succeeded"]
    assert low < all_.shares["succeeded"] < high
    assert all_.series.depth[25] == fmean(figures.series.depth[25] for figures in each)
    assert all_.by_priority["normal"]["offered"] == all_.offered
    assert len({figures.offered for figures in each}) > 1


def test_what_happened_in_some_is_of_those() -> None:
    stage = a_stage(traffic=SPIKE, queue={"ttl_seconds": 13}, replications=6)
    each = replicated(stage)
    expired = [figures.first_expiry_seconds for figures in each if figures.first_expiry_seconds is not None]
    told = simulate(stage).first_expiry_seconds
    assert told == (fmean(expired) if expired else None)


def test_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replications, "WORTH_PROCESSES_SECONDS", 0)
    stage = a_stage(traffic=SPIKE, queue={"ttl_seconds": 5}, replications=3)
    assert simulate(stage, processes=2) == simulate(stage, processes=1)


def test_variants_share_what_chance_brings() -> None:
    """One slot more, compared pair by pair: most of what chance does to both drops out."""
    few, more = (
        replicated(a_stage(servers=servers, traffic=SPIKE, queue={"ttl_seconds": 5}, replications=8))
        for servers in (10, 11)
    )
    assert [figures.offered for figures in few] == [figures.offered for figures in more]
    gained, (low, high) = differences(few, more)["shares.succeeded"]
    assert 0 < low < gained < high
    apart = [interval_95([figures.shares["succeeded"] for figures in each]) for each in (few, more)]
    assert high - low < 0.8 * hypot(*(end - start for start, end in apart)), "as wide as if they were independent"


def test_one_long_run_has_an_interval_too() -> None:
    stage = a_stage(traffic={"baseline_per_second": 8, "duration_seconds": 2000})
    low, high = simulate(stage).interval_95["wait_seconds.mean"]
    assert low < 0.2045900754 < high
