"""SimPy as a second opinion: on the same arrivals and service times it counts the same, and no other."""

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest
import simpy

from scenario.result import End
from simulator.engine.events import by_events
from simulator.engine.inputs import Inputs, inputs_of
from simulator.engine.plan import Plan
from simulator.engine.recursion import by_recursion
from tests.simulator.stages import a_plan


def by_simpy(plan: Plan, inputs: Inputs, ttl: float, capacity: int) -> Counter[End]:
    environment = simpy.Environment()
    servers = simpy.Resource(environment, plan.services[plan.bottleneck].service.max_concurrency)
    ends: Counter[End] = Counter()

    def request(seconds: float) -> Generator[Any, Any, None]:
        with servers.request() as slot:
            given = yield slot | environment.timeout(ttl)
            if slot not in given:
                ends[End.EXPIRED] += 1
                return
            yield environment.timeout(seconds)
            ends[End.SUCCEEDED] += 1

    def arrivals() -> Generator[Any, Any, None]:
        for at, seconds in zip(inputs.at, inputs.seconds[0], strict=True):
            yield environment.timeout(at - environment.now)
            if len(servers.queue) >= capacity:
                ends[End.REJECTED] += 1
            else:
                environment.process(request(seconds))

    environment.process(arrivals())
    environment.run()
    return ends


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("servers", "ttl", "capacity", "time"),
    [
        (10, 4.5, 1500, {"mean_seconds": 0.8}),
        (10, 45.0, 200, {"mean_seconds": 0.8}),
        (1, 3.0, 10, {"mean_seconds": 0.1, "distribution": "gamma", "cv": 2.0}),
        (3, 2.0, 40, {"mean_seconds": 0.2, "distribution": "lognormal", "cv": 1.5}),
    ],
)
def test_all_three_count_the_same(seed: int, servers: int, ttl: float, capacity: int, time: dict[str, Any]) -> None:
    plan = a_plan(
        servers=servers,
        time=time,
        seed=seed,
        traffic={
            "baseline_per_second": 5,
            "duration_seconds": 90,
            "spikes": [{"at_seconds": 10, "duration_seconds": 30, "rate_per_second": 40}],
        },
        queue={"ttl_seconds": ttl, "capacity": capacity, "admission": "capacity"},
    )
    inputs = inputs_of(plan)
    followed = by_recursion(plan, inputs)
    assert followed is not None
    counted = by_simpy(plan, inputs, ttl, capacity)
    assert Counter(followed[0].end) == counted
    assert Counter(by_events(plan, inputs)[0].end) == counted
    assert len(counted) >= 2
