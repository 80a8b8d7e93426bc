"""When requests come: as many as the file says, ascending, and the same for the same seed, bit for bit."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from scenario.arrivals import Stretch, arrivals, expected_arrivals, instants, priority_of, stretches
from scenario.model import Scenario, Traffic

SEED = 7


def traffic(**changes: Any) -> Traffic:
    return Traffic.model_validate_json(json.dumps({"baseline_per_second": 10, "duration_seconds": 100} | changes))


def a_spike(at: float = 20, **changes: Any) -> dict[str, Any]:
    return {"at_seconds": at, "duration_seconds": 10, "rate_per_second": 50} | changes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1_000),
        ({"spikes": [a_spike()]}, 90 * 10 + 10 * 50),
        ({"spikes": [a_spike(ramp_seconds=4)]}, 90 * 10 + 2 * 50 + 8 * 30),
        ({"spikes": [a_spike(every_seconds=30)]}, 70 * 10 + 30 * 50),  # at 20, 50 and 80 s
        ({"spikes": [a_spike(20), a_spike(30, rate_per_second=100)]}, 80 * 10 + 10 * 50 + 10 * 100),
        ({"spikes": [a_spike(95)]}, 95 * 10 + 5 * 50),
        ({"spikes": [a_spike(98, ramp_seconds=4)]}, 98 * 10 + 2 * 20),  # cut off half way up
        ({"spikes": [a_spike(rate_per_second=0)]}, 90 * 10),
        ({"baseline_per_second": 0, "spikes": [a_spike(ramp_seconds=5)]}, 250),
    ],
)
def test_as_many_are_expected_as_the_rate_says(changes: dict[str, Any], expected: float) -> None:
    file = traffic(**changes)
    assert expected_arrivals(file) == pytest.approx(expected)
    even = list(instants(traffic(arrivals="even", **changes), SEED))
    assert len(even) == expected
    poisson = [len(list(instants(file, SEED, replication))) for replication in range(20)]
    assert sum(poisson) / 20 == pytest.approx(expected, abs=5 * math.sqrt(expected / 20))


def test_the_rate_is_one_line_without_gaps() -> None:
    pieces = stretches(traffic(spikes=[a_spike(ramp_seconds=2, every_seconds=30), a_spike(35, duration_seconds=5)]))
    assert (pieces[0].start, pieces[-1].end) == (0, 100)
    assert all(before.end == after.start for before, after in pairwise(pieces))


def test_even_arrivals_keep_their_distance_and_begin_after_half_of_it() -> None:
    assert list(instants(traffic(arrivals="even", duration_seconds=1), SEED)) == pytest.approx(
        [0.05 + number / 10 for number in range(10)]
    )


def test_even_arrivals_on_a_ramp_come_when_the_area_below_it_has_grown_by_one() -> None:
    """From 0 to 50/s within 5 s: 5 t² have come by t."""
    ramp = traffic(baseline_per_second=0, arrivals="even", spikes=[a_spike(ramp_seconds=5)])
    first = [at - 20 for at in instants(ramp, SEED) if at < 25]
    assert [5 * at * at for at in first] == pytest.approx([number + 0.5 for number in range(125)])


def test_one_that_is_due_just_when_the_rate_begins_to_grow_from_nothing_comes_then() -> None:
    """10.5 have come by 21 s, so that the eleventh is due at the foot of the ramp."""
    first = a_spike(0, duration_seconds=21, rate_per_second=0.5)
    ramp = a_spike(21, ramp_seconds=5)
    come = list(instants(traffic(baseline_per_second=0, arrivals="even", spikes=[first, ramp]), SEED))
    assert come[10] == 21
    assert len(come) == 260


rates = some.one_of(some.just(0.0), some.floats(1e-6, 1e6))


@given(
    start=some.floats(0, 1e5),
    seconds=some.floats(1e-3, 1e5),
    first=rates,
    last=rates,
    shares=some.lists(some.floats(0, 1, exclude_max=True), min_size=2, max_size=20).map(sorted),
)
def test_within_a_stretch_later_ones_come_later(
    start: float, seconds: float, first: float, last: float, shares: list[float]
) -> None:
    stretch = Stretch(start, start + seconds, first, last)
    times = [stretch.when(share) for share in shares]
    slack = 1e-9 * stretch.end
    assert all(before <= after + slack for before, after in pairwise(times))
    assert start - slack <= times[0]
    assert times[-1] <= stretch.end + slack


spikes = some.fixed_dictionaries(
    {
        "at_seconds": some.floats(0, 40),
        "duration_seconds": some.floats(1, 20),
        "rate_per_second": some.floats(0, 200),
        "ramp_seconds": some.floats(0, 0.5),
        "every_seconds": some.sampled_from([0.0, 20.0, 30.0]),
    }
)


@settings(deadline=None)
@given(
    kind=some.sampled_from(["poisson", "even"]),
    baseline=some.floats(0, 100),
    spike=spikes,
    seed=some.integers(0, 2**31 - 1),
)
def test_whatever_the_file_says_they_ascend_and_are_about_as_many_as_expected(
    kind: str, baseline: float, spike: dict[str, float], seed: int
) -> None:
    file = traffic(arrivals=kind, baseline_per_second=baseline, duration_seconds=50, spikes=[spike])
    times = list(instants(file, seed))
    assert times == sorted(times)
    assert all(0 <= at <= 50 for at in times)
    expected = expected_arrivals(file)
    sigmas = 5 * math.sqrt(expected) if kind == "poisson" else 0.5
    assert abs(len(times) - expected) <= sigmas + (1e-6 if kind == "even" else 5)


def a_scenario(**changes: Any) -> Scenario:
    document = {
        "seed": SEED,
        "traffic": {
            "baseline_per_second": 20,
            "duration_seconds": 200,
            "mix": [
                {"operation": "checkout", "priority": "high", "share": 0.1},
                {"operation": "checkout", "priority": "normal", "share": 0.3},
                {"operation": "echo", "priority": "low", "share": 0.6},
            ],
        },
    }
    return Scenario.model_validate_json(json.dumps(document | changes))


def test_the_same_seed_brings_the_same_arrivals_bit_for_bit_and_another_brings_others() -> None:
    once = list(arrivals(a_scenario()))
    assert list(arrivals(a_scenario())) == once
    assert list(arrivals(a_scenario(seed=SEED + 1))) != once
    assert list(arrivals(a_scenario(), replication=1)) != once


def test_they_are_what_they_were_when_they_were_first_planned() -> None:
    """A change here breaks the comparison with every result on file."""
    first = [(round(each.at, 9), each.part) for _, each in zip(range(3), arrivals(a_scenario()), strict=False)]
    assert first == [(0.013985249, 2), (0.041947455, 2), (0.149574825, 2)]


def test_variants_of_a_scenario_are_asked_for_the_same_at_the_same_moments() -> None:
    variant = a_scenario(
        pattern="sync", services=[{"name": "payments", "max_concurrency": 5}], queue={"capacity": 10, "ttl_seconds": 0}
    )
    assert list(arrivals(variant)) == list(arrivals(a_scenario()))


def test_the_moments_do_not_depend_on_what_is_asked_for() -> None:
    alone = a_scenario(traffic={"baseline_per_second": 20, "duration_seconds": 200})
    assert [each.at for each in arrivals(alone)] == [each.at for each in arrivals(a_scenario())]


def test_parts_of_the_mix_come_by_their_shares() -> None:
    scenario = a_scenario()
    come = list(arrivals(scenario))
    for part, mixed in enumerate(scenario.traffic.mix):
        expected, count = len(come) * mixed.share, sum(each.part == part for each in come)
        assert abs(count - expected) < 5 * math.sqrt(expected)
    assert {priority_of(scenario, each) for each in come} == {"high", "normal", "low"}
