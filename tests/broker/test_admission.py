"""The rule of admission stands twice: in Python and in Lua. Both come to the same verdict, to the millisecond."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.broker.jobs import Accepted, Refused
from bff.broker.pipeline import Pipeline
from bff.catalog.model import LANE_WEIGHTS, Priority
from bff.policies.admission import WEIGHTS, Decision, Load, PlannedCall, Verdict, admit
from tests.broker.servers import Server
from tests.broker.world import World, a_catalog

CATALOG = a_catalog()

loads = st.builds(
    Load,
    waiting=st.fixed_dictionaries({str(priority): st.integers(0, 400) for priority in Priority}),
    bound=st.integers(1, 400),
    capacity=st.integers(1, 1000),
    interval_us=st.one_of(st.just(0), st.integers(1, 2_000_000)),
    service_us=st.integers(1, 20_000_000),
    max_concurrency=st.integers(1, 500),
    max_wait_ms=st.one_of(st.just(0), st.integers(1, 60_000)),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    fast=loads,
    stock=loads,
    operation=st.sampled_from(["one", "scarce", "order", "screen", "crowded"]),
    priority=st.sampled_from(Priority),
    timeout_ms=st.integers(1, 120_000),
)
def test_both_come_to_the_same_verdict(
    any_redis: Server, fast: Load, stock: Load, operation: str, priority: Priority, timeout_ms: int
) -> None:
    plan = json.loads(CATALOG.plans[operation].document)
    names = PlannedCall.__dataclass_fields__
    calls = [PlannedCall(**{name: call[name] for name in names}) for call in plan["calls"]]
    decision = admit(calls, {"fast": fast, "stock": stock}, priority, timeout_ms)

    async def submit() -> Decision:
        pipeline = Pipeline(any_redis.url)
        world = World(pipeline, CATALOG)
        await world.cell.configure()
        await _lay_down(world, "fast", fast, priority)
        await _lay_down(world, "stock", stock, priority)
        answer = await world.submit(operation, priority=priority, timeout_ms=timeout_ms)
        await pipeline.aclose()
        if isinstance(answer, Accepted):
            return Decision(Verdict.ACCEPTED, "", 0, answer.job.expected_ms)
        assert isinstance(answer, Refused)
        return Decision(Verdict(answer.reason), answer.service, answer.retry_ms, answer.expected_ms)

    assert asyncio.run(submit()) == decision


async def _lay_down(world: World, service: str, load: Load, priority: Priority) -> None:
    fields = {f"booked.{name}": waiting for name, waiting in load.waiting.items()}
    fields |= {f"bound.{priority}": load.bound, f"max_wait_ms.{priority}": load.max_wait_ms}
    names = ("capacity", "interval_us", "service_us", "max_concurrency")
    fields |= {name: getattr(load, name) for name in names}
    await world.redis.execute("HSET", world.keys.service(service), *(part for pair in fields.items() for part in pair))


def test_the_weights_are_the_catalogs() -> None:
    assert {str(priority): weight for priority, weight in LANE_WEIGHTS.items()} == WEIGHTS
