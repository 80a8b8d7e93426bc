"""A raw HTTP/1.1 server whose every answer, or lack of one, a test writes byte by byte."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Received:
    line: str
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One request, and the connection to answer it on."""

    def __init__(self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = received
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def closed_by_client(self) -> None:
        with suppress(ConnectionError):
            while await self._reader.read(65_536):
                pass

    def close(self) -> None:
        self._writer.close()

    def end_sending(self) -> None:
        """What a server does to a connection that it no longer keeps alive: FIN."""
        self._writer.write_eof()

    def reset(self) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Script = Callable[[Exchange], Awaitable[None]]


@dataclass(slots=True)
class Server:
    port: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Server]:
    """Performs `script` for each request of each connection; at the end, whatever still runs is cancelled."""
    server, open_connections = Server(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while not writer.is_closing():
                received = await _receive(reader)
                server.received.append(received)
                await script(Exchange(received, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.get_running_loop().create_task(serve(reader, writer))
        open_connections.add(connection)
        connection.add_done_callback(open_connections.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for connection in (still_open := list(open_connections)):
            connection.cancel()
        ends = await asyncio.gather(*still_open, return_exceptions=True)
        assert [end for end in ends if isinstance(end, Exception)] == []


async def _receive(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.strip().split("\r\n")
    length = re.search(r"^content-length: (\d+)$", "\n".join(fields), re.IGNORECASE | re.MULTILINE)
    body = await reader.readexactly(int(length[1])) if length else b""
    return Received(line, dict(each.split(": ", 1) for each in fields), body)
