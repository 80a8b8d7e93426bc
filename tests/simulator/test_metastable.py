"""Clients that try again keep a system down that carries what comes: when, and what brings it back.

125/s can be served, 60/s come, 500/s for 20 s; here a tenth of each. A client waits for 10 s and tries three times.
"""

from typing import Any

import pytest

from scenario.result import End
from scenario.tally import Requests
from simulator.engine.crowd import RetryBudget
from simulator.engine.events import by_events
from simulator.engine.inputs import inputs_of
from tests.simulator.stages import FOREVER, a_plan

SPIKE_ENDS = 50.0


def crowded(
    queue: dict[str, Any], *, size: int = 1, budget: RetryBudget | None = None, seconds: float = 300, **clients: Any
) -> Requests:
    plan = a_plan(
        servers=10 * size,
        time={"mean_seconds": 0.8, "distribution": "constant"},
        traffic={
            "baseline_per_second": 6 * size,
            "duration_seconds": seconds,
            "spikes": [{"at_seconds": 30, "duration_seconds": 20, "rate_per_second": 50 * size}],
        },
        clients={
            "timeout_seconds": 10,
            "retries": 2,
            "retry_backoff_seconds": 0,
            "honours_retry_after": False,
            **clients,
        },
        queue={"admission": "none", "ttl_seconds": FOREVER, **queue},
    )
    requests, _ = by_events(plan, inputs_of(plan), budget)
    return requests


def goodput(requests: Requests, start: float, end: float) -> float:
    """Share of those sent then that succeeded."""
    ends = [each for at, each in zip(requests.at, requests.end, strict=True) if start <= at < end]
    return ends.count(End.SUCCEEDED) / len(ends)


def test_without_a_ttl_it_never_recovers() -> None:
    assert goodput(crowded({}), 200, 280) == 0


def test_with_the_time_out_for_a_ttl_it_never_recovers() -> None:
    """At full size: a small queue's wait varies by so much that a lucky spell of short ones ends it."""
    assert goodput(crowded({"ttl_seconds": 10}, size=10, seconds=150), 80, 130) < 0.05


def test_back_off_alone_does_not_help() -> None:
    requests = crowded({}, retry_backoff_seconds=2, seconds=400)
    assert goodput(requests, 200, 380) < 0.05


def test_work_that_would_come_too_late_is_not_begun_and_it_recovers_at_once() -> None:
    requests = crowded({"ttl_seconds": 9.1})
    assert goodput(requests, SPIKE_ENDS + 15, 280) > 0.99


def test_where_a_retry_is_not_made_it_recovers_as_soon_as_the_queue_is_served() -> None:
    assert goodput(crowded({}, retries=0, seconds=600), 300, 580) == 1


@pytest.mark.parametrize(("capacity", "recovers"), [(115, True), (125, False)])
def test_a_queue_that_is_served_within_the_time_out_recovers_a_deeper_one_never(capacity: int, recovers: bool) -> None:
    requests = crowded({"admission": "capacity", "capacity": capacity}, retry_backoff_seconds=1)
    served = goodput(requests, SPIKE_ENDS + 15, 280)
    assert served > 0.99 if recovers else served < 0.05


def test_a_retry_budget_brings_it_back() -> None:
    """A tenth of the requests may be tried again: 66/s come at most, so it catches up, after minutes."""
    requests = crowded({}, budget=RetryBudget(share=0.1), seconds=500)
    assert goodput(requests, 60, 100) < 0.1
    assert goodput(requests, 350, 480) > 0.99
