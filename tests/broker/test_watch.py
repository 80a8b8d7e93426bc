"""One subscription connection, any number of waiters; what it loses is made up for by waking everybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import ResponseError

from bff.broker.errors import BrokerUnavailable
from bff.broker.pipeline import Pipeline
from bff.broker.watch import Watch
from tests.broker.change import waiting
from tests.broker.servers import Server
from tests.broker.world import GOOD, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(pipeline: Pipeline) -> World:
    return World(pipeline)


@pytest.fixture
async def watch(redis: Server, world: World) -> AsyncIterator[Watch]:
    async with Watch(redis.url, world.keys).running() as watch:
        while not watch.connected:
            await asyncio.sleep(0)
        yield watch
        assert watch.channels == 0
        await subscribed(world, set())
    await subscribed(world, set())


async def channels(world: World) -> set[str]:
    return {channel.decode() for channel in await world.redis.execute("PUBSUB", "CHANNELS", f"{world.keys.prefix}:*")}


async def subscribed(world: World, expected: set[str]) -> None:
    async with asyncio.timeout(60):
        while await channels(world) != expected:
            await asyncio.sleep(0.01)


async def test_a_waiter_is_woken_at_every_change_of_its_job(world: World, watch: Watch) -> None:
    job_id = await world.accepted("order")
    async with waiting(watch, world.keys, job_id) as change:
        for _ in range(3):
            [entry] = await world.take()
            await change.woken()
            await world.lanes().finish(entry, GOOD)
            await change.woken()
    assert (await world.job(job_id)).status.terminal


async def test_a_change_right_after_the_wait_began_is_not_missed(world: World, watch: Watch) -> None:
    for _ in range(20):
        job_id = await world.accepted()
        async with waiting(watch, world.keys, job_id) as change:
            await world.jobs.cancel(job_id, "public")
            await change.woken()


async def test_another_jobs_changes_wake_nobody(world: World, watch: Watch) -> None:
    mine, other = await world.accepted(), await world.accepted()
    async with waiting(watch, world.keys, mine) as change, waiting(watch, world.keys, other) as others_change:
        await world.jobs.cancel(other, "public")
        await others_change.woken()
        assert not change.noted
        await world.jobs.cancel(mine, "public")
        await change.woken()


async def test_many_waiters_of_one_job_share_one_channel_and_all_are_woken(world: World, watch: Watch) -> None:
    job_id = await world.accepted()
    async with AsyncExitStack() as stack:
        changes = [await stack.enter_async_context(waiting(watch, world.keys, job_id)) for _ in range(50)]
        assert watch.channels == 1
        [_, receivers] = await world.redis.execute("PUBSUB", "NUMSUB", world.keys.changed(job_id))
        assert receivers == 1
        await world.jobs.cancel(job_id, "public")
        await asyncio.gather(*(change.woken() for change in changes))


async def test_one_waiter_that_leaves_takes_nothing_from_the_others(world: World, watch: Watch) -> None:
    job_id = await world.accepted()
    async with waiting(watch, world.keys, job_id) as stays:
        async with waiting(watch, world.keys, job_id):
            pass
        await world.jobs.cancel(job_id, "public")
        await stays.woken()


async def test_who_comes_back_at_once_is_subscribed_again(world: World, watch: Watch) -> None:
    job_id = await world.accepted()
    for _ in range(20):
        async with waiting(watch, world.keys, job_id):
            pass
    async with waiting(watch, world.keys, job_id) as change:
        await subscribed(world, {world.keys.changed(job_id)})
        await world.jobs.cancel(job_id, "public")
        await change.woken()


async def test_whoever_comes_while_the_connection_is_being_made_is_subscribed(redis: Server, world: World) -> None:
    ids = [f"job-{n}" for n in range(40)]
    async with Watch(redis.url, world.keys).running() as watch, AsyncExitStack() as stack:
        entering = []
        for job_id in ids:
            entering.append(asyncio.create_task(stack.enter_async_context(waiting(watch, world.keys, job_id))))
            await asyncio.sleep(0)  # one step of the connection's making
        await asyncio.gather(*entering)
        await subscribed(world, set(map(world.keys.changed, ids)))


async def test_a_lost_connection_wakes_everybody_and_heals(world: World, watch: Watch) -> None:
    job_id = await world.accepted()
    async with waiting(watch, world.keys, job_id) as change:
        await world.redis.execute("CLIENT", "KILL", "TYPE", "pubsub")
        await change.woken()
        await change.woken()
        await subscribed(world, {world.keys.changed(job_id)})
        await world.jobs.cancel(job_id, "public")
        await change.woken()


async def test_what_changed_while_the_connection_was_lost_is_read_once_it_is_back(world: World, watch: Watch) -> None:
    job_id = await world.accepted()
    async with waiting(watch, world.keys, job_id) as change:
        await world.redis.execute("CLIENT", "KILL", "TYPE", "pubsub")
        await change.woken()
        await world.jobs.cancel(job_id, "public")  # nobody hears this
        await change.woken()


async def test_a_waiter_may_come_before_redis_does(own_redis: Server, world: World) -> None:
    own_redis.kill()
    async with Watch(own_redis.url, world.keys).running() as watch, waiting(watch, world.keys, "early") as change:
        own_redis.start()
        pipeline = Pipeline(own_redis.url)
        own = World(pipeline, world.catalog, world.keys)
        await subscribed(own, {world.keys.changed("early")})
        await pipeline.execute("PUBLISH", world.keys.changed("early"), "1")
        await change.woken()
        await pipeline.aclose()


async def test_who_runs_a_call_hears_that_its_job_has_ended(world: World, watch: Watch) -> None:
    heard: asyncio.Queue[bytes | None] = asyncio.Queue()
    in_flight, queued = await world.accepted(), await world.accepted()
    await world.take(wanted=1)
    async with watch.listen(world.keys.aborted(), heard.put_nowait):
        for job_id in (queued, in_flight):
            await world.jobs.cancel(job_id, "public")
        async with asyncio.timeout(60):
            while (job := await heard.get()) is None:  # subscribed: read again
                pass
    assert job == in_flight.encode()


async def test_what_a_busy_redis_did_not_do_is_made_up_for(own_redis: Server, world: World) -> None:
    pipeline = Pipeline(own_redis.url)
    own = World(pipeline, world.catalog, world.keys)
    async with Watch(own_redis.url, world.keys).running() as watch:
        async with waiting(watch, world.keys, "left while busy"):
            other = Pipeline(own_redis.url)
            await other.execute("CONFIG", "SET", "lua-time-limit", 50)  # then it says that it is busy
            busy = asyncio.create_task(pipeline.execute("EVAL", "while true do end", 0))
            while not await is_busy(other):
                pass
        async with waiting(watch, world.keys, "came while busy"):
            await other.execute("SCRIPT", "KILL")
            with pytest.raises(ResponseError):
                await busy
            await subscribed(own, {world.keys.changed("came while busy")})
        await other.aclose()
    await pipeline.aclose()


async def is_busy(redis: Pipeline) -> bool:
    try:
        await redis.execute("PING")
    except BrokerUnavailable:
        return True
    return False
