"""The load tester's own HTTP client, against servers that answer byte by byte what they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from loadtest.client import connections as module
from loadtest.client.connections import Connections, NoAnswer

pytestmark = pytest.mark.anyio

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Served:
    """`requests` has what came, `connections` how many there were."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []


@asynccontextmanager
async def serving(answer: Callable[[int], bytes | None]) -> AsyncIterator[Served]:
    """Answers the n-th request (from 0) with these bytes; None: closes the connection."""
    served = Served()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")), 0
                )
                served.requests.append(head + await reader.readexactly(length))
                reply = answer(len(served.requests) - 1)
                if reply is None:
                    return
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    served.url = f"http://127.0.0.1:{port}/base"
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connections]:
    connections = Connections(url)
    try:
        yield connections
    finally:
        connections.close()


async def test_a_request_is_sent_as_it_should_be_and_its_connection_is_kept() -> None:
    async with serving(lambda _: HI) as served, connected(served.url) as connections:
        first = await connections.ask("POST", "/x?y=z", {"Idempotency-Key": "k"}, b"{}")
        await connections.ask("GET", "/", {})
    assert (first.status, first.body, first.retry_after) == (200, b"hi", b"")
    assert served.connections == 1
    host = served.url.removeprefix("http://").removesuffix("/base").encode()
    assert served.requests[0] == (
        b"POST /base/x?y=z HTTP/1.1\r\nHost: " + host + b"\r\nAccept: */*\r\n"
        b"Idempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert b"Content-Length" not in served.requests[1]


async def test_chunks_and_retry_after_are_understood() -> None:
    chunked = b"HTTP/1.1 503 No\r\nretry-AFTER: 7\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
    async with serving(lambda _: chunked) as served, connected(served.url) as connections:
        for _ in range(2):
            reply = await connections.ask("GET", "/", {})
            assert (reply.status, reply.body, reply.retry_after) == (503, b"abc", b"7")
    assert served.connections == 1


async def test_as_many_connections_as_requests_at_once_and_no_more() -> None:
    async with serving(lambda _: HI) as served, connected(served.url) as connections:
        for _ in range(3):
            await asyncio.gather(*(connections.ask("GET", "/", {}) for _ in range(5)))
    assert served.connections == 5


@pytest.mark.parametrize("header", [b"Connection: close\r\n", b""])
async def test_a_connection_that_is_not_to_be_kept_is_not(header: bytes) -> None:
    version = b"1.1" if header else b"1.0"
    answer = b"HTTP/" + version + b" 200 OK\r\n" + header + b"Content-Length: 2\r\n\r\nhi"
    async with serving(lambda _: answer) as served, connected(served.url) as connections:
        await connections.ask("GET", "/", {})
        await connections.ask("GET", "/", {})
    assert served.connections == 2


async def test_one_that_was_idle_for_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEPALIVE_SECONDS", 0)
    async with serving(lambda _: HI) as served, connected(served.url) as connections:
        await connections.ask("GET", "/", {})
        await connections.ask("GET", "/", {})
    assert served.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    ],
)
async def test_what_is_no_answer_is_told_and_the_next_request_has_a_new_connection(answer: bytes | None) -> None:
    async with serving(lambda number: HI if number else answer) as served, connected(served.url) as connections:
        with pytest.raises(NoAnswer):
            await connections.ask("GET", "/", {})
        assert (await connections.ask("GET", "/", {})).body == b"hi"
    assert served.connections == 2


async def test_an_answer_that_comes_after_its_client_gave_up_is_nobodys() -> None:
    late = b"HTTP/1.1 200 OK\r\n"
    async with serving(lambda number: HI if number else late) as served, connected(served.url) as connections:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connections.ask("GET", "/", {})
        assert (await connections.ask("GET", "/", {})).body == b"hi"
    assert served.connections == 2


async def test_where_nobody_listens_there_is_no_answer() -> None:
    async with serving(lambda _: HI) as served:
        url = served.url
    async with connected(url) as connections:
        with pytest.raises(NoAnswer):
            await connections.ask("GET", "/", {})
