"""Which workers are alive, and what they hold."""

import pytest

from bff.broker.workers import GONE_SECONDS, Held, beat, leave, workers
from tests.broker.world import World

pytestmark = pytest.mark.anyio


async def test_a_worker_that_says_so_is_listed_with_what_it_holds(world: World) -> None:
    before = await world.now_ms()
    await beat(world.cell, "b", up_ms=60_000, draining=True, services={"fast": Held(1, 2), "stock": Held(0, 0)})
    await beat(world.cell, "a.host-1", up_ms=0, draining=False, services={})
    first, second = await workers(world.cell)
    assert (first.name, first.draining, first.services) == ("a.host-1", False, {})
    assert (second.name, second.draining, second.services["fast"]) == ("b", True, Held(busy=1, leased=2))
    assert before <= second.seen_ms <= await world.now_ms()
    assert -1 <= second.seen_ms - second.since_ms - 60_000 <= 1


async def test_what_it_said_last_holds(world: World) -> None:
    for leased in (5, 0):
        await beat(world.cell, "a", up_ms=0, draining=False, services={"fast": Held(0, leased)})
    [worker] = await workers(world.cell)
    assert worker.services == {"fast": Held(0, 0)}


async def test_one_that_ends_is_gone_at_once_and_leaves_nothing(world: World) -> None:
    await beat(world.cell, "a", up_ms=0, draining=True, services={})
    await leave(world.cell, "a")
    assert await workers(world.cell) == []
    assert await world.redis.execute("KEYS", f"{world.keys.prefix}:*worker*") == []


async def test_one_that_is_not_heard_of_is_gone_and_is_forgotten_by_the_next_that_speaks(world: World) -> None:
    await beat(world.cell, "frozen", up_ms=0, draining=False, services={})
    silent_since = await world.now_ms() - GONE_SECONDS * 1000 - 1
    await world.redis.execute("ZADD", world.keys.workers(), "XX", silent_since, "frozen")
    assert await workers(world.cell) == []
    assert 0 < await world.redis.execute("PTTL", world.keys.worker("frozen")) <= GONE_SECONDS * 1000
    await beat(world.cell, "alive", up_ms=0, draining=False, services={})
    assert await world.redis.execute("ZRANGE", world.keys.workers(), 0, -1) == [b"alive"]
