"""A gateway served over real sockets in the test's own event loop, so that the test can look inside."""

import asyncio
import base64
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn

from bff.broker.job import Job
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Submission
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import PUBLIC, ClientRegister
from bff.catalog.model import Priority
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.main import config_of, listener_on
from gateway.settings import GatewaySettings

Json = dict[str, Any]


class Served:
    """`server` and `gateway` as they are in a process of their own."""

    def __init__(self, server: uvicorn.Server, gateway: Gateway, port: int) -> None:
        self.server = server
        self.gateway = gateway
        self.port = port

    async def job(self, job_id: str | None = None) -> Job:
        """A new one, that nobody works on."""
        submission = Submission(
            id=job_id or new_job_id(),
            operation="echo",
            client=PUBLIC,
            priority=Priority.NORMAL,
            timeout_ms=60_000,
            parameters=b'{"text":"hi"}',
        )
        accepted = await self.gateway.broker.jobs.submit(submission)
        assert isinstance(accepted, Accepted)
        return accepted.job

    async def change(self, job: Job, version: int) -> None:
        """Nothing but its version, and who follows it is told."""
        keys, redis = self.gateway.broker.cell.keys, self.gateway.broker.pipeline
        await redis.execute("HSET", keys.job(job.id), "version", version)
        await redis.execute("PUBLISH", keys.changed(job.id), version)

    async def cancel(self, job: Job) -> None:
        await self.gateway.broker.jobs.cancel(job.id, PUBLIC)

    async def until_nothing_is_left(self) -> None:
        async with asyncio.timeout(60):
            while (
                len(self.gateway.waiters)
                or self.gateway.live.jobs
                or self.gateway.broker.watch.channels
                or self.server.server_state.connections
                or self.server.server_state.tasks
            ):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def served(settings: GatewaySettings) -> AsyncIterator[Served]:
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    started: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()
    app = create_app(settings, catalog, ClientRegister(settings.clients_file), started.set_result)
    server = uvicorn.Server(config_of(app, settings))
    listener = listener_on("127.0.0.1", 0)
    serving = asyncio.create_task(server._serve([listener]))
    gateway = await started
    await gateway.broker.cell.configure()
    try:
        yield Served(server, gateway, listener.getsockname()[1])
    finally:
        gateway.drain()
        server.should_exit = True
        await serving


class Wire:
    """A connection by hand; of what it receives the system keeps little, and it reads only when it is told to."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._received = b""

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def more(self) -> bytes:
        """What comes next; nothing at the end."""
        async with asyncio.timeout(60):
            return await asyncio.get_running_loop().sock_recv(self.socket, 65_536)

    async def until(self, end: bytes) -> bytes:
        while end not in self._received:
            more = await self.more()
            assert more, self._received
            self._received += more
        found, _, self._received = self._received.partition(end)
        return found

    async def rest(self) -> bytes:
        """To the end, also where it is broken off."""
        with suppress(ConnectionError):
            while more := await self.more():
                self._received += more
        return self._received

    async def frame(self) -> tuple[int, bytes]:
        """The next WebSocket frame: opcode, payload."""
        first, length = struct.unpack("!BB", await self._exactly(2))
        if length == 126:
            [length] = struct.unpack("!H", await self._exactly(2))
        elif length == 127:
            [length] = struct.unpack("!Q", await self._exactly(8))
        return first & 0x0F, await self._exactly(length)

    async def closed_with(self) -> int:
        """The code of the close frame, after whatever else comes."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                code: int = struct.unpack("!H", payload[:2])[0]
                return code

    async def say(self, type_: str, **members: Any) -> None:
        await self.send(masked(TEXT, json.dumps({"type": type_, **members}).encode()))

    async def _exactly(self, count: int) -> bytes:
        while len(self._received) < count:
            more = await self.more()
            assert more, self._received
            self._received += more
        found, self._received = self._received[:count], self._received[count:]
        return found


CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """One frame of a client, masked with zeros."""
    length = len(payload)
    if length < 126:
        size = struct.pack("!B", 0x80 | length)
    elif length < 65_536:
        size = struct.pack("!BH", 0x80 | 126, length)
    else:
        size = struct.pack("!BQ", 0x80 | 127, length)
    return bytes([(0x80 if final else 0) | opcode]) + size + b"\0\0\0\0" + payload


@asynccontextmanager
async def wire(port: int, receive_buffer: int = 4096) -> AsyncIterator[Wire]:
    with socket.socket() as connected:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", port))
        yield Wire(connected)


@asynccontextmanager
async def websocket(port: int) -> AsyncIterator[Wire]:
    async with wire(port) as opened:
        key = base64.b64encode(bytes(16)).decode()
        await opened.send(
            "GET /v1/ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bff.v1+json\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = await opened.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield opened
