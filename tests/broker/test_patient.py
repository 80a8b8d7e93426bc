"""The pool that arq gets waits out a Redis that refuses: arq would end its worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError, WatchError

from bff.broker.patient import PatientPipeline, patient_pool
from tests.broker.servers import Server

pytestmark = pytest.mark.anyio

Refusal = Callable[[Redis], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def arq_on(server: Server) -> AsyncIterator[Redis]:
    async with Redis(connection_pool=patient_pool(server.url)) as redis:
        yield redis
        await redis.connection_pool.disconnect()


@asynccontextmanager
async def full(admin: Redis) -> AsyncIterator[None]:
    await admin.config_set("maxmemory", 1)
    yield
    await admin.config_set("maxmemory", 0)


@asynccontextmanager
async def a_replica(admin: Redis) -> AsyncIterator[None]:
    await admin.replicaof("127.0.0.1", "1")
    yield
    await admin.replicaof("NO", "ONE")


@asynccontextmanager
async def short_of_replicas(admin: Redis) -> AsyncIterator[None]:
    await admin.config_set("min-replicas-to-write", 1)
    yield
    await admin.config_set("min-replicas-to-write", 0)


@asynccontextmanager
async def busy(admin: Redis) -> AsyncIterator[None]:
    await admin.config_set("lua-time-limit", 10)
    async with Redis(unix_socket_path=admin.connection_pool.connection_kwargs["path"]) as other:
        running: asyncio.Future[object] = asyncio.ensure_future(other.eval("while true do end", 0))  # type: ignore[arg-type]
        while not await refuses(admin):
            await asyncio.sleep(0)
        yield
        await admin.script_kill()
        with suppress(ResponseError):
            await running


async def refuses(redis: Redis) -> bool:
    try:
        await redis.set("refuses", "no")
    except ResponseError:
        return True
    return False


async def write(redis: Redis) -> None:
    await redis.set("a", "1")


async def write_at_once(redis: Redis) -> None:
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.set("a", "1")
        pipeline.set("b", "2")
        await pipeline.execute()


@pytest.mark.parametrize("asking", [write, write_at_once])
@pytest.mark.parametrize("refusal", [full, a_replica, short_of_replicas, busy])
async def test_what_redis_refuses_for_now_is_asked_again_until_it_is_done(
    own_redis: Server, refusal: Refusal, asking: Callable[[Redis], Awaitable[None]]
) -> None:
    async with arq_on(own_redis) as redis, Redis.from_url(own_redis.url) as admin:
        await redis.ping()
        async with refusal(admin):
            assert await refuses(admin)
            writing = asyncio.ensure_future(asking(redis))
            await asyncio.wait([writing], timeout=0.3)
            assert not writing.done()
        await writing
        assert await redis.get("a") == b"1"


async def test_what_is_wrong_for_good_is_said(own_redis: Server) -> None:
    async with arq_on(own_redis) as redis:
        await redis.set("a", "1")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await redis.zcard("a")


async def test_a_connection_that_breaks_while_it_makes_itself_known_is_made_again(any_redis: Server) -> None:
    """As where a network is bad: redis-py by itself lets its caller have the error, and arq ends its worker by it."""
    broken = 0

    async def way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        try:
            asked = await reader.read(65_536)
            if broken < 3:
                broken += 1
                return
            there, back = await asyncio.open_unix_connection(any_redis.url.removeprefix("unix://").partition("?")[0])
            while asked:
                back.write(asked)
                writer.write(await there.read(65_536))
                asked = await reader.read(65_536)
            back.close()
            await back.wait_closed()
        finally:
            writer.close()

    async with await asyncio.start_server(way, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Redis(connection_pool=patient_pool(f"redis://127.0.0.1:{port}/0")) as redis:
            async with asyncio.timeout(60):
                assert await redis.ping()
            await redis.connection_pool.disconnect()
    assert broken == 3


async def test_a_connection_lost_while_keys_are_watched_fails_the_transaction_and_not_what_prepares_it(
    own_redis: Server,
) -> None:
    """arq expects a WatchError of EXEC alone: by one of EXISTS its worker ends."""
    async with arq_on(own_redis) as redis, Redis.from_url(own_redis.url) as admin:
        pipeline = PatientPipeline(redis.connection_pool, redis.response_callbacks, True, None)
        async with pipeline:
            await pipeline.watch("a")
            await admin.client_kill_filter(_type="normal", skipme=True)
            assert await pipeline.exists("a") == 0
            assert await pipeline.zscore("b", "x") is None
            pipeline.multi()  # type: ignore[no-untyped-call]
            pipeline.set("a", "1")
            with pytest.raises(WatchError):
                await pipeline.execute()
        assert await admin.get("a") is None
        async with pipeline:
            await pipeline.watch("a")
            pipeline.multi()  # type: ignore[no-untyped-call]
            pipeline.set("a", "2")
            assert await pipeline.execute() == [True]


async def test_a_watch_that_was_lost_need_not_be_ended(own_redis: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with arq_on(own_redis) as redis:
        pipeline = PatientPipeline(redis.connection_pool, redis.response_callbacks, True, None)
        await pipeline.watch("a")
        with monkeypatch.context() as closed:
            closed.setattr(pipeline.connection, "send_command", closed_already)
            await pipeline.reset()
        assert await redis.ping()


async def closed_already(*_: object) -> None:
    """As uvloop says it."""
    raise RuntimeError("unable to perform operation on <UnixTransport closed=True>; the handler is closed")
