"""Whatever is simulated: each request has one end, each place and slot is given back, none starts too late."""

from collections import Counter
from math import isnan
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scenario.model import Pattern
from scenario.result import End, Source
from scenario.tally import figures
from simulator.engine.crowd import RetryBudget
from simulator.engine.events import Simulation
from simulator.engine.inputs import inputs_of
from tests.simulator.stages import BOTTLENECKS, QUEUES, RATES, SIZES, a_plan

WHERE = st.one_of(
    BOTTLENECKS,
    st.sampled_from([("home-screen", "accounts"), ("home-screen", "recommendations"), ("home-screen", "history")]),
)
CLIENTS = st.fixed_dictionaries(
    {
        "timeout_seconds": st.sampled_from([0.5, 3, 60]),
        "wait": st.sampled_from(["poll", "backoff", "long_poll", "sse", "websocket"]),
        "retries": st.sampled_from([0, 0, 3]),
        "retry_backoff_seconds": st.sampled_from([0, 0.5]),
        "honours_retry_after": st.booleans(),
        "cancels": st.booleans(),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    where=WHERE,
    queue=QUEUES,
    more=st.fixed_dictionaries({"error_rate": st.sampled_from([0, 0, 0.3, 1.0])}),
    rate=RATES,
    clients=CLIENTS,
    pattern=st.sampled_from([Pattern.ASYNC, Pattern.ASYNC, Pattern.SYNC]),
    sizes=st.fixed_dictionaries(SIZES),
)
def test_nothing_is_lost(
    where: tuple[str, str], queue: Any, more: Any, rate: Any, clients: Any, pattern: Pattern, sizes: dict[str, Any]
) -> None:
    operation, service = where
    plan = a_plan(
        operation=operation,
        service=service,
        queue=queue,
        service_more=more | rate,
        clients=clients,
        pattern=pattern.value,
        gateway_concurrency=5,
        **sizes,
    )
    simulation = Simulation(plan, inputs_of(plan), RetryBudget())
    requests, run = simulation.run()
    ends = Counter(requests.end)
    told = figures(plan.stage.scenario, Source.SIMULATION, requests, run)
    assert sum(ends.values()) == len(requests.at)
    assert ends[End.LOST] == 0
    assert run.attempts == run.accepted + sum(run.rejected_by_reason.values())
    assert abs(sum(told.shares.values()) - (1 if told.offered else 0)) < 1e-9
    assert 0 <= run.utilisation <= 1 + 1e-9
    simulation.agenda.stopped = False
    simulation.agenda.run([], simulation.crowd.arrive)  # what was let run on, although nobody waits for it
    for station in simulation.stations:
        assert (station.booked, station.queued, station.running) == ([0, 0, 0], 0, 0)
    assert not +simulation.door.held
    longest = max(seconds for seconds in plan.longest_waits(plan.bottleneck))
    assert all(isnan(wait) or 0 <= wait <= longest + 1e-9 for wait in requests.wait)
    succeeded = [end is End.SUCCEEDED for end in requests.end]
    assert [not isnan(result) for result in requests.result] == succeeded
    assert [not isnan(told) for told in requests.told] == succeeded
    in_time = plan.stage.scenario.clients.timeout_seconds if plan.stage.scenario.clients.retries == 0 else 1e9
    assert all(isnan(result) or result <= in_time + 1e-9 for result in requests.result)
