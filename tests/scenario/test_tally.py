"""The arithmetic of a run, on runs so small that it can be done by hand."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from scenario.model import Scenario
from scenario.result import End, Figures, Percentiles, Series, Source
from scenario.tally import Requests, Run, figures, per_second

SPIKE = {"at_seconds": 10, "duration_seconds": 5, "rate_per_second": 50}


def a_scenario(**changes: Any) -> Scenario:
    document = {"traffic": {"baseline_per_second": 1, "duration_seconds": 40, "spikes": [SPIKE]}} | changes
    return Scenario.model_validate_json(json.dumps(document))


def a_run(**changes: Any) -> Run:
    defaults: dict[str, Any] = {
        "attempts": 0,
        "accepted": 0,
        "rejected_by_reason": {},
        "peak_depth": 0,
        "first_rejection_at": None,
        "first_expiry_at": None,
        "emptied_at": None,
        "utilisation": 0.0,
        "series": Series(),
    }
    return Run(**(defaults | changes))


def summed(rows: Sequence[tuple[float, End, float]], scenario: Scenario | None = None, **run: Any) -> Figures:
    """Rows of (at, end, result): what succeeded was known of half a second later."""
    requests = Requests()
    for at, end, result in rows:
        if end is End.SUCCEEDED:
            requests.add(at, 0, end, accept=0.01, wait=result / 2, result=result, told=result + 0.5)
        else:
            requests.add(at, 0, end)
    return figures(scenario or a_scenario(), Source.LOAD, requests, a_run(**run))


HANDMADE = [
    (1.0, End.SUCCEEDED, 2.0),
    (10.0, End.SUCCEEDED, 4.0),
    (12.0, End.EXPIRED, 0.0),
    (14.9, End.REJECTED, 0.0),
    (15.0, End.SUCCEEDED, 6.0),
]


def test_shares_are_of_all_that_were_sent_and_of_what_was_sent_within_spikes() -> None:
    found = summed(HANDMADE, attempts=7, accepted=4)
    assert (found.offered, found.attempts, found.accepted) == (5, 7, 4)
    assert (found.shares["succeeded"], found.shares["expired"], found.shares["rejected"]) == (0.6, 0.2, 0.2)
    within = found.spike["shares"]
    assert (within["succeeded"], within["expired"], within["rejected"]) == (1 / 3, 1 / 3, 1 / 3)
    assert found.goodput_per_second == 3 / 40


def test_times_are_of_what_has_them() -> None:
    found = summed(HANDMADE)
    assert found.result_seconds == Percentiles(4.0, 4.0, 6.0, 6.0)
    assert found.told_seconds == Percentiles(4.5, 4.5, 6.5, 6.5)
    assert found.wait_seconds == Percentiles(2.0, 2.0, 3.0, 3.0)


def test_what_was_sent_in_the_warm_up_is_left_out() -> None:
    traffic = {"baseline_per_second": 1, "duration_seconds": 40, "warmup_seconds": 12, "spikes": [SPIKE]}
    found = summed(HANDMADE, a_scenario(traffic=traffic))
    assert found.offered == 3
    assert found.shares["succeeded"] == 1 / 3
    assert found.result_seconds.p50 == 6
    assert found.spike["shares"]["rejected"] == 0.5
    assert found.goodput_per_second == 1 / 28


def test_moments_count_from_the_spike() -> None:
    found = summed([], first_rejection_at=13.0, first_expiry_at=16.5, emptied_at=25.0)
    assert (found.first_rejection_seconds, found.first_expiry_seconds, found.drain_seconds) == (3.0, 6.5, 10.0)
    found = summed([])
    assert (found.first_rejection_seconds, found.first_expiry_seconds, found.drain_seconds) == (None, None, None)


def test_of_several_spikes_the_first_begins_and_the_last_ends() -> None:
    spikes = [SPIKE | {"every_seconds": 10}]  # until 15, 25 and 35 s
    repeated = a_scenario(traffic={"baseline_per_second": 1, "duration_seconds": 40, "spikes": spikes})
    found = summed([], repeated, first_rejection_at=13.0, emptied_at=36.0)
    assert (found.first_rejection_seconds, found.drain_seconds) == (3.0, 1.0)
    assert summed([], repeated, emptied_at=30.0).drain_seconds == 0


def test_without_a_spike_moments_count_from_the_start_and_nothing_drains() -> None:
    even = a_scenario(traffic={"baseline_per_second": 1, "duration_seconds": 40})
    found = summed(HANDMADE, even, first_rejection_at=13.0, emptied_at=25.0)
    assert (found.first_rejection_seconds, found.drain_seconds, found.spike) == (13.0, None, {})


@pytest.mark.parametrize(
    ("rows", "name", "got"),
    [
        (HANDMADE, "success_share", 0.6),
        (HANDMADE, "result_p95_seconds", 6.0),
        (HANDMADE, "accept_p99_seconds", 0.01),
        ([], "success_share", None),
        ([(1.0, End.REJECTED, 0.0)], "result_p95_seconds", None),
        ([(1.0, End.REJECTED, 0.0)], "success_share", 0.0),
        ([], "drain_seconds", None),
    ],
)
def test_thresholds_are_held_against_what_was_measured(
    rows: Sequence[tuple[float, End, float]], name: str, got: float | None
) -> None:
    [threshold] = summed(rows, a_scenario(slo={name: 0.5})).slo
    assert (threshold.name, threshold.got) == (name, got)


def test_each_priority_is_told_of_in_the_order_of_lanes() -> None:
    mix = [{"priority": "low", "share": 0.5}, {"priority": "high", "share": 0.25}]
    mix.append({"operation": "echo", "priority": "high", "share": 0.25})
    scenario = a_scenario(traffic={"baseline_per_second": 1, "duration_seconds": 40, "mix": mix})
    requests = Requests()
    requests.add(1.0, 0, End.EXPIRED)
    requests.add(2.0, 1, End.SUCCEEDED, result=3.0)
    requests.add(3.0, 2, End.SUCCEEDED, result=1.0)
    found = figures(scenario, Source.LOAD, requests, a_run()).by_priority
    assert list(found) == ["high", "low"]
    assert (found["high"]["offered"], found["high"]["shares"]["succeeded"]) == (2, 1.0)
    assert found["high"]["result_seconds"].mean == 2
    assert (found["low"]["offered"], found["low"]["shares"]["expired"]) == (1, 1.0)
    assert found["low"]["result_seconds"] == Percentiles()


def test_what_happens_after_the_last_second_counts_into_it() -> None:
    assert per_second([0.0, 0.99, 1.0, 2.5, 7.0], 3) == [2, 1, 2]
