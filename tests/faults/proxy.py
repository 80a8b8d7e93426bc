"""A TCP proxy in the test's own event loop, between a process and what it talks to, that breaks the network to order.

What the network holds back is late, not lost, as with TCP: once it is let through, it arrives, however long ago whoever
sent it gave up.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Target = Path | int
"""A unix socket, or a port of 127.0.0.1."""

_AT_ONCE_BYTES = 65_536


@dataclass(eq=False, slots=True)
class _Connection:
    """`answered_bytes`: how much of the answers was let through; `stranded`: nothing goes through it any more."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    answered_bytes: int = 0
    stranded: bool = False


@dataclass(eq=False)
class Proxy:
    """Where it leads and how, for open connections and for new ones alike; each fault holds until it is set back.

    `delay_seconds` is each way. After `drop_after_bytes` of answers a connection breaks, in the middle of one perhaps.
    """

    target: Target
    port: int = 0
    delay_seconds: float = 0
    drop_after_bytes: int | None = None
    _connections: set[_Connection] = field(default_factory=set)
    _carrying: "set[asyncio.Task[None]]" = field(default_factory=set)
    _requests_pass: asyncio.Event = field(default_factory=asyncio.Event)
    _answers_pass: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    @property
    def connections(self) -> int:
        """How many lead to the target."""
        return len(self._connections)

    def hold(self) -> None:
        """A partition: connections stay, new ones come about, and nothing goes through."""
        self._requests_pass.clear()
        self._answers_pass.clear()

    def hold_answers(self) -> None:
        """A network of one way: what is asked arrives and is done, the answer does not come."""
        self._answers_pass.clear()

    def release(self) -> None:
        """Let through what was held, and all that follows."""
        self._requests_pass.set()
        self._answers_pass.set()

    def strand(self) -> None:
        """What is open is dead for good, and neither end is told (a firewall that forgot it); new ones work."""
        for connection in self._connections:
            connection.stranded = True

    def reset(self) -> None:
        """Break all that is open, by RST to both ends."""
        for connection in self._connections:
            _reset(connection.client)
            _reset(connection.server)

    def accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Carry one connection to its end. By a task of our own: asyncio's complains when it is cancelled."""
        if self._ended:  # it came in the moment of the end
            _reset(client)
            return
        carrying = asyncio.get_running_loop().create_task(self._carry(reader, client))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def end(self) -> None:
        """Break everything and wait until it is over."""
        self._ended = True
        self.reset()
        await _cancelled(list(self._carrying))
        await asyncio.sleep(0)  # what was broken is closed at the next turn of the loop

    async def _carry(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await self._dial()
        except (OSError, asyncio.CancelledError):
            _reset(client)
            return
        connection = _Connection(client, server)
        self._connections.add(connection)
        ways = [self._carry_requests(connection, reader), self._carry_answers(connection, answers)]
        carriers = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(carriers, return_when=asyncio.FIRST_COMPLETED)
            client.close()
            server.close()
        except asyncio.CancelledError:
            _reset(client)
            _reset(server)
        finally:
            self._connections.discard(connection)
            await _cancelled(carriers)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _carry_requests(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while data := await self._through(connection, reader, self._requests_pass):
                connection.server.write(data)
                await connection.server.drain()

    async def _carry_answers(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while data := await self._through(connection, reader, self._answers_pass):
                left = self._left_bytes(connection)
                connection.client.write(data[:left])
                await connection.client.drain()
                connection.answered_bytes += len(data)
                if left is not None and len(data) >= left:
                    return

    async def _through(self, connection: _Connection, reader: asyncio.StreamReader, passes: asyncio.Event) -> bytes:
        """What the network brings next; also an end is only seen once it comes through."""
        data = await reader.read(_AT_ONCE_BYTES)
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        await passes.wait()
        if connection.stranded:
            await asyncio.Event().wait()
        return data

    def _left_bytes(self, connection: _Connection) -> int | None:
        if self.drop_after_bytes is None:
            return None
        return max(0, self.drop_after_bytes - connection.answered_bytes)


@asynccontextmanager
async def proxy_to(target: Target) -> AsyncIterator[Proxy]:
    """A proxy that leads to `target`, from a free port of 127.0.0.1."""
    proxy = Proxy(target)
    proxy.release()
    listening = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, backlog=1024)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.end()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    if connection.family != socket.AF_UNIX:
        with suppress(OSError):  # closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _cancelled(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
