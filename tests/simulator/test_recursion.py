"""The recursion says the same as the events, request by request and to the last bit, wherever it says anything."""

from math import isnan
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bff.policies.admission import Admission
from scenario.reading import read_scenario
from scenario.stage import stage_of
from scenario.tally import Requests, Run
from simulator.engine.events import by_events
from simulator.engine.inputs import inputs_of
from simulator.engine.plan import plan_of
from simulator.engine.recursion import by_recursion
from tests.simulator.stages import BOTTLENECKS, CATALOG, QUEUES, RATES, SIZES, a_plan

SLOW_AFTERWARDS = [
    {"name": "payments", "max_concurrency": 100, "time": {"mean_seconds": 0.1}},
    {"name": "orders", "max_concurrency": 1, "time": {"mean_seconds": 1}},
]


def told(requests: Requests) -> list[list[Any]]:
    columns = (requests.at, requests.end, requests.accept, requests.wait, requests.result, requests.told)
    return [[None if isinstance(each, float) and isnan(each) else each for each in column] for column in columns]


@settings(max_examples=100, deadline=None)
@given(
    where=BOTTLENECKS,
    queue=QUEUES.map(lambda queue: {**queue, "admission": "none" if queue["admission"] == "full" else "capacity"}),
    more=RATES,
    timeout=st.sampled_from([1, 5, 60]),
    wait=st.sampled_from(["poll", "backoff", "long_poll", "sse"]),
    sizes=st.fixed_dictionaries(SIZES),
)
def test_both_ways_say_the_same(
    where: tuple[str, str], queue: Any, more: Any, timeout: float, wait: str, sizes: dict[str, Any]
) -> None:
    operation, service = where
    clients = {"timeout_seconds": timeout, "wait": wait}
    plan = a_plan(operation=operation, service=service, queue=queue, service_more=more, clients=clients, **sizes)
    inputs = inputs_of(plan)
    followed = by_recursion(plan, inputs)
    assume(followed is not None)
    assert followed is not None
    requests, run = followed
    expected_requests, expected_run = by_events(plan, inputs)
    assert told(requests) == told(expected_requests)
    assert run.utilisation == pytest.approx(expected_run.utilisation, rel=1e-9)
    assert without_utilisation(run) == without_utilisation(expected_run)


def without_utilisation(run: Run) -> list[Any]:
    """Which is a sum, in another order."""
    return [getattr(run, name) for name in Run.__slots__ if name != "utilisation"]


@pytest.mark.parametrize("admission", ["none", "capacity"])
def test_the_case_study_is_followed_job_by_job(admission: str) -> None:
    scenario = read_scenario("flash-sale", CATALOG).scaled(0.02)
    queue = scenario.queue.model_copy(update={"admission": Admission(admission)})
    plan = plan_of(stage_of(scenario.model_copy(update={"queue": queue}), CATALOG))
    assert by_recursion(plan, inputs_of(plan)) is not None


@pytest.mark.parametrize(
    "given",
    [
        {"queue": {"admission": "full"}},
        {"queue": {"discipline": "lifo"}},
        {"mix": [{"priority": "high", "share": 0.5}, {"priority": "low", "share": 0.5}]},
        {"clients": {"retries": 1}},
        {"clients": {"cancels": True}},
        {"service_more": {"error_rate": 0.1}},
        {"pattern": "sync"},
        {"operation": "home-screen", "service": "history"},
        {"operation": "checkout", "queue": {"capacity": 2, "admission": "capacity"}, "services": SLOW_AFTERWARDS},
    ],
)
def test_where_it_would_not_be_exact_it_says_nothing(given: dict[str, Any]) -> None:
    plan = a_plan(**given)
    assert by_recursion(plan, inputs_of(plan)) is None
