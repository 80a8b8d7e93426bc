"""The connections to one service, under httpx's transport interface. aiohttp opens them, and does no more."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable

import aiohttp
import httpx
from yarl import URL

from bff.downstream.connection import Connection

DUE = "due"
"""In `request.extensions`: when the exchange must be over, by the loop's time."""

# One lost SYN is repeated after 1 s; a host that is still silent then is down.
CONNECT_SECONDS = 2.0

# Below the defaults of the usual servers (gunicorn 2 s, uvicorn 5 s, Node 5 s or 65 s): one that closes its idle
# connections is not just doing so while we send.
KEEPALIVE_SECONDS = 1.5

_METHOD = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII).fullmatch


class ServiceTransport(httpx.AsyncBaseTransport):
    """At most `max_connections` to the host of `base_url`, each kept for a short while. `headers` go with each request,
    before its own.

    Made inside a running event loop. Raises httpx.PoolTimeout, ConnectTimeout or ConnectError only where nothing was
    sent, LocalProtocolError for what cannot be sent, ReadTimeout where it was due before all of the answer was there,
    ReadError for any other loss, an answer that is no HTTP included. A cancelled request gives its place back at once.
    """

    def __init__(self, base_url: str, max_connections: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._headers = _lines(headers)
        self._loop = asyncio.get_running_loop()
        # Names, addresses, TLS: what it takes to get a connection. They are pooled here.
        self._connector = aiohttp.TCPConnector(limit=0)
        self._target = aiohttp.ClientRequest("GET", URL(base_url), loop=self._loop)
        self._patience = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        self._free = asyncio.Semaphore(max_connections)
        self._idle: deque[Connection] = deque()  # the one idle longest first
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        written = await self._written(request)
        due: float | None = request.extensions.get(DUE)
        if not self._free.locked() and (connection := self._kept()):
            await self._free.acquire()  # without waiting
        else:
            connection = await self._connected(due)
        try:
            connection.ask(written, due, for_head_only=request.method == "HEAD")
            status, headers = await connection.head()
        except BaseException:
            self._give_back(connection)
            raise
        return httpx.Response(status, headers=headers, stream=_Body(self, connection))

    async def aclose(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._idle.pop().close("closed")
        await self._connector.close()

    async def _written(self, request: httpx.Request) -> bytes:
        """As it goes over the wire. Raises LocalProtocolError."""
        if not _METHOD(request.method):
            raise httpx.LocalProtocolError(f"not a method: {request.method!r}")
        stream = request.stream
        content = b"".join(stream) if isinstance(stream, httpx.ByteStream) else await request.aread()
        first = b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
        return b"".join((first, self._headers, _lines(request.headers.raw), b"\r\n", content))

    async def _connected(self, due: float | None) -> Connection:
        """With a place for it, both waited for."""
        try:
            async with asyncio.timeout_at(due):
                await self._free.acquire()
                try:
                    return self._kept() or await self._opened()
                except BaseException:
                    self._free.release()
                    raise
        except TimeoutError as error:
            raise httpx.PoolTimeout("due before there was a connection") from error

    def _kept(self) -> Connection | None:
        self._drop_those_idle_too_long()
        while self._idle:
            if (connection := self._idle.pop()).open:
                return connection
        return None

    async def _opened(self) -> Connection:
        try:
            opened = await self._connector.connect(self._target, [], self._patience)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection came about in time") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise httpx.ConnectError(str(error)) from error
        if opened.protocol is None or opened.protocol.should_close:
            opened.close()
            raise httpx.ConnectError("the service speaks before it is asked, or hung up")
        return Connection(opened)

    def _give_back(self, connection: Connection) -> None:
        """The end of an exchange."""
        if connection.free():
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(KEEPALIVE_SECONDS, self._sweep_up)
        self._free.release()

    def _sweep_up(self) -> None:
        self._sweep = None
        self._drop_those_idle_too_long()
        if self._idle:
            due = self._idle[0].idle_since + KEEPALIVE_SECONDS
            self._sweep = self._loop.call_at(due, self._sweep_up)

    def _drop_those_idle_too_long(self) -> None:
        too_long = self._loop.time() - KEEPALIVE_SECONDS
        while self._idle and self._idle[0].idle_since <= too_long:
            self._idle.popleft().close("idle for too long")


class _Body(httpx.AsyncByteStream):
    """Not an asynchronous generator: of these the event loop keeps account, which costs more than to read one part."""

    def __init__(self, transport: ServiceTransport, connection: Connection) -> None:
        self._transport = transport
        self._connection = connection

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        part = await self._connection.body()
        if not part:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Closes the connection too, unless the body was read to its end."""
        self._transport._give_back(self._connection)


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
