"""The recursion that plans are made with, against the event engine on the same arrivals and service times."""

from typing import Any

import pytest

from scenario.result import Figures, Source
from scenario.tally import figures
from simulator.engine.events import by_events
from simulator.engine.inputs import inputs_of
from simulator.engine.plan import plan_of
from simulator.planner.case import case_of
from simulator.planner.line import in_full, is_plain, play
from simulator.planner.outlook import Outlook, outlook, p95
from tests.simulator.planned import SPIKE, a_stage, echo

LOGNORMAL = {"distribution": "lognormal", "mean_seconds": 0.5, "cv": 2.0}
HIGH_AND_LOW = [
    {"operation": "echo", "share": 0.3, "priority": "high"},
    {"operation": "echo", "share": 0.7, "priority": "low"},
]
EXACT: dict[str, dict[str, Any]] = {
    "places and TTL": {},
    "no bound": {"queue": {"admission": "none"}},
    "few places": {"queue": {"capacity": 50}},
    "few slots": {"services": echo(max_concurrency=3)},
    "ample": {"services": echo(max_concurrency=80)},
    "by rate": {"services": echo(max_concurrency=40, rate_per_second=30)},
    "lognormal": {"services": echo(time=LOGNORMAL)},
    "warm-up": {"traffic": {"warmup_seconds": 15}},
    "even arrivals, ramps": {"traffic": {"arrivals": "even", "spikes": [SPIKE | {"ramp_seconds": 5}]}},
    "fifo over priorities": {"traffic": {"mix": HIGH_AND_LOW}, "queue": {"discipline": "fifo", "capacity": 1_000_000}},
}
NEAR: dict[str, dict[str, Any]] = {
    "admission that looks ahead": {"queue": {"admission": "full"}},
    "clients that try again": {"clients": {"timeout_seconds": 4, "retries": 2}},
    "no TTL but the clients' own": {"queue": {"ttl_seconds": 0}, "clients": {"timeout_seconds": 8}},
    "priorities": {"traffic": {"mix": HIGH_AND_LOW}},
    "calls that fail": {"services": echo(error_rate=0.05)},
}


def both(changes: dict[str, Any]) -> tuple[Outlook, Figures]:
    stage = a_stage(**changes)
    requests, run = by_events(plan_of(stage), inputs_of(plan_of(stage)))
    return outlook(case_of(stage), 1), figures(stage.scenario, Source.SIMULATION, requests, run)


@pytest.mark.parametrize("changes", EXACT.values(), ids=EXACT)
def test_where_it_is_exact_it_is_what_events_show(changes: dict[str, Any]) -> None:
    line, events = both(changes)
    assert line.shares == events.shares
    assert line.peak_depth == events.peak_depth
    assert line.result_p95_seconds == pytest.approx(events.result_seconds.p95, abs=1e-9)
    for name in ("first_rejection_seconds", "first_expiry_seconds", "drain_seconds"):
        assert getattr(line, name) == pytest.approx(getattr(events, name), abs=1e-9), name


@pytest.mark.parametrize("changes", NEAR.values(), ids=NEAR)
def test_elsewhere_it_is_near(changes: dict[str, Any]) -> None:
    line, events = both(changes)
    assert line.success_share == pytest.approx(events.shares["succeeded"], abs=0.03)
    assert line.result_p95_seconds == pytest.approx(events.result_seconds.p95, rel=0.05)


def test_of_a_chain_of_calls_it_is_near_too() -> None:
    """checkout: stock before, the order after. Others are served, whose calls take as long as chance will have it."""
    payments = {"name": "payments", "max_concurrency": 20, "time": {"mean_seconds": 0.5}}
    line, events = both({"traffic": {"mix": [{"operation": "checkout"}]}, "services": [payments]})
    assert line.success_share == pytest.approx(events.shares["succeeded"], abs=0.02)
    assert line.result_p95_seconds == pytest.approx(events.result_seconds.p95, rel=0.02)
    assert line.peak_depth == pytest.approx(events.peak_depth, abs=10)


@pytest.mark.parametrize("changes", EXACT.values(), ids=EXACT)
def test_the_short_way_and_the_full_one_are_the_same(changes: dict[str, Any]) -> None:
    case = case_of(a_stage(**changes))
    short, full = play(case), in_full(case)
    assert short.ends == full.ends
    assert short.peak == full.peak
    assert short.results == pytest.approx(full.results, abs=1e-9)
    for name in ("first_rejection_at", "first_expiry_at", "emptied_at"):
        assert getattr(short, name) == pytest.approx(getattr(full, name), abs=1e-9, nan_ok=True)


def test_the_short_way_is_taken_where_there_is_one() -> None:
    plain = {name for name, changes in (EXACT | NEAR).items() if is_plain(case_of(a_stage(**changes)))}
    assert "places and TTL" in plain
    assert plain.isdisjoint({"by rate", "warm-up", "clients that try again"})


@pytest.mark.parametrize("count", [1, 20, 1_000, 50_000])
def test_a_p95_of_many_is_that_of_all_sorted(count: int) -> None:
    values = [(number * 7_919) % 100_003 / 7 for number in range(count)]
    assert p95(values) == sorted(values)[-(-95 * count // 100) - 1]
    assert p95([3.0] * count) == 3.0
