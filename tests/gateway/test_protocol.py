"""The server's own bounds, over real sockets, in front of an application that says what it got."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from gateway import protocol
from gateway.protocol import HEAD_BYTES, BoundedProtocol

pytestmark = pytest.mark.anyio

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Answers with the length of the body, once it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        body = await Request(scope, receive).body()
        await self.may_answer.wait()
        await PlainTextResponse(f"got {len(body)}")(scope, receive, send)


class Noting:
    """A transport that notes what it is given at once."""

    def __init__(self, transport: asyncio.Transport, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def port(app: App) -> AsyncIterator[int]:
    config = uvicorn.Config(app, http=BoundedProtocol, ws="none", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server._serve([listener]))
        yield listener.getsockname()[1]
        app.may_answer.set()
        server.should_exit = True
        await serving


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


async def answers(wire: Wire, sent: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    wire[1].write(sent)
    return await wire[0].read()


async def test_a_request_is_answered_as_ever(wire: Wire) -> None:
    got = await answers(wire, b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.endswith(b"got 2")


async def test_a_connection_on_which_nothing_comes_is_closed(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\n\r\n"])
async def test_headers_that_do_not_come_to_an_end_are_given_up(
    monkeypatch: pytest.MonkeyPatch, port: int, before: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if before:
        writer.write(before)
        assert (await reader.readuntil(b"got 0")).startswith(b"HTTP/1.1 200 ")
    got = await answers((reader, writer), b"GET / HTTP/1.1\r\nX-A: b\r\n")
    assert got.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/request-too-slow" in got
    writer.close()


async def test_a_body_may_take_longer_than_the_headers(monkeypatch: pytest.MonkeyPatch, port: int, app: App) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    await app.asked.wait()
    await asyncio.sleep(0.1)  # twice the time that the headers have
    assert (await answers((reader, writer), b"hi")).endswith(b"got 2")
    writer.close()


async def test_headers_that_are_too_long_are_refused(wire: Wire) -> None:
    reader, writer = wire
    writer.write(b"GET / HTTP/1.1\r\nX-A: ")
    answering = asyncio.create_task(reader.read(HEAD_BYTES))
    while not answering.done():
        writer.write(b"a" * 10_000)
        await asyncio.sleep(0)
    got = await answering
    assert got.startswith(b"HTTP/1.1 431 ")
    assert b"\r\nx-content-type-options: nosniff\r\n" in got
    assert b"/problems/head-too-large" in got


async def test_a_large_body_is_no_large_head(wire: Wire) -> None:
    length = 16 * HEAD_BYTES
    wire[1].write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length + b" " * length)
    got = await answers(wire, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert f"got {length}".encode() in got
    assert got.endswith(b"got 0")


async def test_what_was_asked_properly_is_answered_although_nonsense_follows(wire: Wire, app: App) -> None:
    app.may_answer.clear()
    wire[1].write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiNONSENSE\r\n\r\n")
    await app.asked.wait()
    app.may_answer.set()
    got = await wire[0].read()
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.endswith(b"got 2")


async def test_a_connection_that_wants_another_protocol_is_answered_and_closed(wire: Wire) -> None:
    got = await answers(wire, b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in got


async def test_the_head_of_an_answer_and_its_body_go_in_one_write(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    writes: list[bytes] = []
    made = BoundedProtocol.connection_made
    monkeypatch.setattr(
        BoundedProtocol,
        "connection_made",
        lambda self, transport: made(self, Noting(transport, writes)),  # type: ignore[arg-type]  # as good as one
    )
    wire = await asyncio.open_connection("127.0.0.1", port)
    wire[1].write(b"GET / HTTP/1.1\r\n\r\n")
    await wire[0].readuntil(b"got 0")
    await answers(wire, b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
    assert [written[-5:] for written in writes] == [b"got 0", b"got 2"]
    wire[1].close()


async def test_a_client_may_wait_to_be_told_to_send_its_body(wire: Wire) -> None:
    wire[1].write(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await wire[0].readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    got = await answers(wire, b"hi")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.endswith(b"got 2")


@pytest.mark.parametrize("sent", [b"HEAD / HTTP/1.1\r\n\r\n", b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n"])
async def test_an_answer_without_a_body_is_sent_too(wire: Wire, sent: bytes) -> None:
    wire[1].write(sent)
    assert (await wire[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
