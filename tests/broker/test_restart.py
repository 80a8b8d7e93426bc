"""Redis is killed and comes back with what its append-only file holds: nothing that was promised is lost."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import JobStatus, pairs
from bff.broker.jobs import Replayed
from bff.broker.lanes import Noted
from bff.broker.pipeline import Pipeline
from bff.broker.requeue import Requeue
from bff.catalog.model import Priority
from tests.broker.servers import Server, running
from tests.broker.world import GOOD, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(redis_binary: Path) -> Iterator[Server]:
    with running(redis_binary, "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    pipeline = Pipeline(server.url)
    yield World(pipeline)
    await pipeline.aclose()


async def restart(server: Server, world: World) -> None:
    server.kill()
    server.start()
    with suppress(BrokerUnavailable):  # the first command finds out that the connection is gone
        await world.redis.execute("PING")


async def all_keys(world: World) -> dict[str, Any]:
    """Every key's value, and whether it expires, as far as the broker counts on them."""
    found = {}
    for key in sorted(await world.redis.execute("KEYS", "*")):
        kind = (await world.redis.execute("TYPE", key)).decode()
        read = {
            "hash": ("HGETALL", key),
            "string": ("GET", key),
            "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            "list": ("LRANGE", key, 0, -1),
            "stream": ("XRANGE", key, "-", "+"),
        }[kind]
        value = await world.redis.execute(*read)
        found[key.decode()] = (
            pairs(value) if kind == "hash" else value,
            await world.redis.execute("PTTL", key) > 0,
            await held(world, key) if kind == "stream" else None,
        )
    return found


async def held(world: World, lane: bytes) -> list[Any]:
    entries = await world.redis.execute("XPENDING", lane, "workers", "-", "+", 100)
    return [(entry, consumer) for entry, consumer, _, _ in entries]


async def test_every_key_is_as_it_was(server: Server, world: World) -> None:
    await world.accepted("order", idempotency_key="k")
    for priority in Priority:
        await world.accepted("order", priority=priority)
    first, second, third, _ = await world.take()
    await world.lanes().finish(first, GOOD)
    await world.lanes().retry(second, delay_ms=60, effect=True, error="timeout", http_status=None)
    await world.jobs.cancel(third.job_id, "public")
    before = await all_keys(world)
    await restart(server, world)
    assert await all_keys(world) == before


async def test_work_goes_on_where_it_was(server: Server, world: World) -> None:
    job_id = await world.accepted("order", idempotency_key="k")
    parked_id = await world.accepted()
    reserve, only = await world.take()
    await world.lanes().retry(only, delay_ms=0, effect=False, error="timeout", http_status=None)
    await restart(server, world)
    assert await world.submit("order", idempotency_key="k") == Replayed(job_id)
    assert await world.take() == []
    assert (await world.lanes().finish(reserve, GOOD))[0] is Noted.DONE
    await Requeue(world.cell).run_once()
    await restart(server, world)
    assert sorted(await world.do()) == ["charge", "only"]
    assert await world.do() == ["confirm"]
    for each in (job_id, parked_id):
        assert (await world.job(each)).status is JobStatus.SUCCEEDED
    assert await world.leftovers() == {}


async def test_the_lag_of_a_lane_is_still_known(server: Server, world: World) -> None:
    """Redis 6.2 tells none."""
    for _ in range(3):
        await world.accepted()
    await world.lanes().finish((await world.take(wanted=1))[0], GOOD)
    await world.take(wanted=1)
    await restart(server, world)
    [flat] = await world.redis.execute("XINFO", "GROUPS", world.keys.lane("fast", Priority.NORMAL))
    group: dict[str, Any] = {**pairs(flat)}
    assert (group["pending"], group.get("lag", 1)) == (1, 1)
