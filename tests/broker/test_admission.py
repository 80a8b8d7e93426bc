"""The rule of admission stands twice: in Python and in Lua. Both come to the same verdict, to the millisecond."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.broker.jobs import Accepted, Refused
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script
from bff.catalog.model import LANE_WEIGHTS, Priority
from bff.policies.admission import WEIGHTS, Admission, Decision, Load, PlannedCall, Verdict, admit
from tests.broker.servers import Server
from tests.broker.world import World, a_catalog

CATALOG = a_catalog()
NOW_MS = 1_900_000_000_000


class AtOneMoment(Pipeline):
    """Scripts see time standing still."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        assert "redis.call('TIME')" in script.source or script.name == "configure"
        source = script.source.replace("redis.call('TIME')", f"{{ {NOW_MS // 1000}, 0 }}")
        return await super().run(Script(script.name, source, script.batched), keys, arguments)


loads = st.builds(
    Load,
    waiting=st.fixed_dictionaries({str(priority): st.integers(0, 400) for priority in Priority}),
    bound=st.integers(1, 400),
    capacity=st.integers(1, 1000),
    interval_us=st.one_of(st.just(0), st.integers(1, 2_000_000)),
    service_us=st.integers(1, 20_000_000),
    slow_us=st.integers(1, 40_000_000),
    others=st.integers(0, 5_000),
    again=st.integers(0, 300),
    max_concurrency=st.integers(1, 500),
    max_wait_ms=st.one_of(st.just(0), st.integers(1, 60_000)),
    open_ms=st.one_of(st.just(0), st.integers(1, 60_000)),
    half_open=st.booleans(),
    paused_ms=st.one_of(st.just(0), st.integers(1, 60_000)),
    held=st.sampled_from([False, False, False, True]),
    admission=st.sampled_from([*Admission, Admission.FULL]),
).filter(lambda load: not (load.open_ms and load.half_open))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    fast=loads,
    stock=loads,
    operation=st.sampled_from(["one", "scarce", "order", "screen", "crowded", "soft"]),
    priority=st.sampled_from(Priority),
    timeout_ms=st.integers(1, 120_000),
)
def test_both_come_to_the_same_verdict(
    any_redis: Server, fast: Load, stock: Load, operation: str, priority: Priority, timeout_ms: int
) -> None:
    plan = json.loads(CATALOG.plans[operation].document)
    calls = [_planned(call) for call in plan["calls"]]
    decision = admit(calls, {"fast": fast, "stock": stock}, priority, timeout_ms)

    async def submit() -> Decision:
        pipeline = AtOneMoment(any_redis.url)
        world = World(pipeline, CATALOG)
        await world.cell.configure()
        await _lay_down(world, "fast", fast, priority)
        await _lay_down(world, "stock", stock, priority)
        answer = await world.submit(operation, priority=priority, timeout_ms=timeout_ms)
        await pipeline.aclose()
        if isinstance(answer, Accepted):
            given_up = tuple(call.name for call in answer.job.calls if call.status in ("skipped", "fallback"))
            return Decision(
                Verdict.ACCEPTED, "", 0, decision.expected_ms if given_up else answer.job.expected_ms, given_up
            )
        assert isinstance(answer, Refused)
        return Decision(Verdict(answer.reason), answer.service, answer.retry_ms, answer.expected_ms)

    assert asyncio.run(submit()) == decision


def _planned(call: dict[str, Any]) -> PlannedCall:
    names = ("name", "service", "after", "required")
    kept = {name: call[name] for name in names}
    return PlannedCall(**kept, fallback="fallback" in call, cached="cached" in call)


async def _lay_down(world: World, service: str, load: Load, priority: Priority) -> None:
    fields = {f"booked.{name}": waiting for name, waiting in load.waiting.items()}
    fields |= {f"bound.{priority}": load.bound, f"max_wait_ms.{priority}": load.max_wait_ms}
    fields["breaker.open_until"] = NOW_MS + load.open_ms if load.open_ms else int(load.half_open)
    fields["paused_until" if load.paused_ms % 2 else "held_until"] = NOW_MS + load.paused_ms
    if load.held:
        fields["held_until"] = 0
    other = next(name for name in Priority if name != priority)
    fields |= {"came_at": NOW_MS - 4_000, f"came.{other}": load.others, "timed_at": NOW_MS, "timeout_ms": 3_600_000}
    fields |= {"entered.again": load.again + 7, "left.again": 7}
    names = ("slow_us", "admission", "capacity", "interval_us", "service_us", "max_concurrency")
    fields |= {name: getattr(load, name) for name in names}
    await world.redis.execute("HSET", world.keys.service(service), *(part for pair in fields.items() for part in pair))


def test_the_weights_are_the_catalogs() -> None:
    assert {str(priority): weight for priority, weight in LANE_WEIGHTS.items()} == WEIGHTS
