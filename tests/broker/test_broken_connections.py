"""A connection that breaks at the very moment it is used: uvloop says so by an error of its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bff.broker.arrivals import Arrivals
from bff.broker.errors import BrokerUnavailable
from bff.broker.patient import patient_pool
from bff.broker.pipeline import Pipeline
from bff.broker.watch import Watch
from tests.broker.change import waiting
from tests.broker.servers import Server
from tests.broker.world import World
from tests.faults.proxy import Proxy, proxy_to

pytestmark = pytest.mark.anyio

TICKS = range(4)
"""Of the event loop, between the use of a connection and its breaking: all of the moments that there are."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def way(any_redis: Server) -> AsyncIterator[Proxy]:
    async with proxy_to(any_redis.socket) as proxy:
        yield proxy


@pytest.fixture
async def world(any_redis: Server) -> AsyncIterator[World]:
    pipeline = Pipeline(any_redis.url)
    yield World(pipeline)
    await pipeline.aclose()


def url_of(way: Proxy) -> str:
    return f"redis://127.0.0.1:{way.port}"


async def break_after(ticks: int, way: Proxy) -> None:
    for _ in range(ticks):
        await asyncio.sleep(0)
    way.reset()


@pytest.mark.parametrize("ticks", TICKS)
async def test_a_consumer_that_waits_hears_that_the_broker_is_away(way: Proxy, world: World, ticks: int) -> None:
    await world.cell.configure()
    last = await world.lanes().take(1)
    arrivals = Arrivals(world.lanes(), url_of(way))
    await arrivals.take(last.last_ids, 1)  # connects
    waiting = asyncio.create_task(arrivals.take(last.last_ids, 1))
    await break_after(ticks, way)
    with pytest.raises(BrokerUnavailable):
        await waiting
    await arrivals.take(last.last_ids, 1)
    await arrivals.aclose()


@pytest.mark.parametrize("ticks", TICKS)
async def test_who_begins_to_wait_for_a_job_is_woken_all_the_same(
    way: Proxy, world: World, key: str, ticks: int
) -> None:
    async with Watch(url_of(way), world.keys).running() as watch:
        while not watch.connected:
            await asyncio.sleep(0)
        breaking = asyncio.create_task(break_after(ticks, way))
        async with waiting(watch, world.keys, key) as change:
            await breaking
            while not await world.redis.execute("PUBSUB", "CHANNELS", world.keys.changed(key)):
                await asyncio.sleep(0.01)
            change.forget()  # that the reconnection woke it
            await world.redis.execute("PUBLISH", world.keys.changed(key), "2")
            await change.woken()


async def test_who_begins_to_wait_while_the_connection_is_being_given_up_fails_at_none_of_its_moments(
    way: Proxy, world: World, key: str
) -> None:
    async with Watch(url_of(way), world.keys).running() as watch:
        for ticks in range(12):
            while not watch.connected:
                await asyncio.sleep(0)
            way.reset()
            for _ in range(ticks):
                await asyncio.sleep(0)
            async with waiting(watch, world.keys, f"{key}-{ticks}"):
                pass


@pytest.mark.parametrize("ticks", TICKS)
async def test_what_arq_asks_is_asked_again(way: Proxy, key: str, ticks: int) -> None:
    async with Redis(connection_pool=patient_pool(url_of(way))) as redis:
        await redis.ping()
        asking: asyncio.Future[object] = asyncio.ensure_future(redis.xread({key: "0"}, block=50))
        await break_after(ticks, way)
        assert not await asking
        await redis.connection_pool.disconnect()
