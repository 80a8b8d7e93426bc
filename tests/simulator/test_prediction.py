"""The quick way to admission's verdict is the verdict of the policy."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.policies.admission import Verdict, admit
from simulator.engine.crowd import RetryBudget
from simulator.engine.door import load_of
from simulator.engine.events import Simulation
from simulator.engine.inputs import Inputs
from simulator.engine.plan import PRIORITIES
from simulator.engine.prediction import predicted
from tests.simulator.stages import a_plan

PLACES = st.lists(st.integers(0, 40), min_size=3, max_size=3)


@settings(max_examples=80, deadline=None)
@given(
    booked=st.lists(PLACES, min_size=3, max_size=3),
    took=st.lists(st.lists(st.floats(0.001, 3), max_size=4), min_size=3, max_size=3),
    newcomers=st.lists(st.integers(0, 2), max_size=60),
    queue=st.fixed_dictionaries(
        {
            "capacity": st.sampled_from([10, 50, 100]),
            "ttl_seconds": st.sampled_from([0, 1, 20]),
            "shares": st.sampled_from([{"high": 1, "normal": 1, "low": 1}, {"high": 1, "normal": 0.5, "low": 0.2}]),
        }
    ),
    timeout=st.sampled_from([2, 10, 60]),
    rate=st.sampled_from([0, 3]),
    priority=st.integers(0, 2),
)
def test_it_is_the_same(
    booked: Any, took: Any, newcomers: list[int], queue: Any, timeout: float, rate: float, priority: int
) -> None:
    mix = [{"priority": "high", "share": 0.5}, {"priority": "low", "share": 0.5}]
    plan = a_plan(
        operation="checkout",
        service="payments",
        mix=mix,
        clients={"timeout_seconds": timeout},
        queue={"admission": "full", **queue},
        service_more={"rate_per_second": rate},
        servers=3,
    )
    stations = Simulation(plan, Inputs([], [], []), RetryBudget()).stations
    for station, places, times in zip(stations, booked, took, strict=True):
        station.booked[:] = places
        for number, seconds in enumerate(times):
            station.note_time(1.0 + number, seconds)
        for number, lane in enumerate(newcomers):
            station.note_newcomer(number / 4, lane)
    operation, now = plan.parts[0][0], 12.0
    loads = {name.service: load_of(now, stations[call.service], priority) for name, call in both(operation)}
    decided = admit(operation.planned, loads, PRIORITIES[priority], operation.timeout_ms)
    expected = None if decided.verdict is Verdict.ACCEPTED else (decided.verdict, decided.retry_ms)
    assert predicted(now, stations, operation, priority) == expected


def both(operation: Any) -> Any:
    return zip(operation.planned, operation.calls, strict=True)
