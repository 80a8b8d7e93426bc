"""A pipeline under test: opened, blocked, and what it answers several callers."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bff.broker.errors import BrokerUnavailable
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script
from tests.broker.servers import Server

REMEMBER = Script("remember", "redis.call('HSET', KEYS[1], 'is', ARGV[1]) return redis.call('HGET', KEYS[1], 'is')")


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(url, **options)
    try:
        yield pipeline
    finally:
        await pipeline.aclose()


@asynccontextmanager
async def listening(serve: Callable[[StreamReader, StreamWriter], Any], socket: Path) -> AsyncIterator[str]:
    """Something that accepts connections, but is no Redis, or stands before one."""
    server = await asyncio.start_unix_server(serve, socket)
    try:
        yield f"unix://{socket}"
    finally:
        server.close()


@asynccontextmanager
async def tcp_before(server: Server) -> AsyncIterator[int]:
    """A TCP port that leads to the server's unix socket."""

    closed = asyncio.Event()

    async def copy(reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_unix_connection(server.socket)
        await asyncio.gather(copy(reader, redis_writer), copy(redis_reader, writer))
        closed.set()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield proxy.sockets[0].getsockname()[1]
    finally:
        proxy.close()
        await closed.wait()


async def block(pipeline: Pipeline, server: Server, key: str) -> asyncio.Task[Any]:
    """A command that Redis has begun; it and all that come after it are answered when `key` is pushed to."""
    client = await pipeline.execute("CLIENT", "ID")
    blocking = asyncio.create_task(pipeline.execute("BLPOP", key, 0))
    async with opened(server.url) as other:
        while b"flags=b" not in await other.execute("CLIENT", "LIST", "ID", client):
            pass
    return blocking


async def sent(pipeline: Pipeline) -> None:
    """Whatever was issued by now is written at the next turn of the loop."""
    writes = pipeline.writes
    for _ in range(3):
        await asyncio.sleep(0)
    assert pipeline.writes == writes + 1


async def together(*replies: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*replies, return_exceptions=True)


async def push(server: Server, key: str) -> None:
    async with opened(server.url) as other:
        await other.execute("RPUSH", key, "pushed")


async def refusal(*replies: Awaitable[Any]) -> str:
    """What all of them fail with."""
    answers = await together(*replies)
    assert all(isinstance(answer, BrokerUnavailable) for answer in answers)
    return ", ".join({str(answer) for answer in answers})
