"""One connection to a service: a request is written at once, and httptools reads the answer as it comes in."""

import asyncio
from typing import Final

import httpx
from aiohttp.connector import Connection as Opened
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MOST_HEAD_BYTES: Final = 65_536
"""Of headers, and of trailers: httptools bounds neither one of them nor their number."""
MOST_UNREAD_BYTES: Final = 65_536
"""Of a body; then the service has to wait until somebody reads."""
_DELIMITING: Final = (b"content-length", b"transfer-encoding")


class Connection(asyncio.Protocol):
    """Over a transport that aiohttp has opened. One exchange after another: `ask`, `head`, `body`, `free`.

    What comes in between them nobody asked for: it closes the connection, or it would be read as the next answer.
    """

    def __init__(self, opened: Opened) -> None:
        assert opened.transport is not None
        assert opened.protocol is not None
        self._opened = opened  # owns the transport: without it, it would be closed
        self._transport = opened.transport
        self._aiohttp_protocol = opened.protocol  # waits to hear of the end
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        self._lost = ""
        self._late = False
        self._due: float | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._watches_until = 0.0
        self._asked = False
        self._incoming: asyncio.Future[None] | None = None
        self.idle_since = 0.0
        self._transport.set_protocol(self)

    @property
    def open(self) -> bool:
        return not self._lost and not self._transport.is_closing()

    def ask(self, request: bytes, due: float | None = None, *, for_head_only: bool = False) -> None:
        """Begin an exchange, which must be over when it is `due`, by the loop's time. `for_head_only`: whatever the
        answer's headers say, it has no body.
        """
        self._due = due
        if due is not None and (self._watch is None or due < self._watches_until):
            self._watch_until(due)
        self._asked = True
        self._for_head_only = for_head_only
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._bytes_without_body = 0
        self._chunks: list[bytes] = []
        self._unread_bytes = 0
        self._complete = self._keeps_alive = self._delimited = False
        self._transport.write(request)

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """The answer's status and headers. Raises httpx.ReadError, or ReadTimeout."""
        while not self._status:
            await self._more()
        return self._status, self._headers

    async def body(self) -> bytes:
        """The next part of it, empty at its end. Raises httpx.ReadError, or ReadTimeout, where it breaks off."""
        if self._for_head_only:
            return b""
        while not self._chunks:
            if self._complete:
                return b""
            await self._more()
        part = b"".join(self._chunks)
        self._chunks.clear()
        if self._unread_bytes > MOST_UNREAD_BYTES and self.open:
            self._transport.resume_reading()
        self._unread_bytes = 0
        return part

    def free(self) -> bool:
        """End the exchange. Whether there can be another; else the connection is closed.

        With an answer that nobody read, reading may be paused; behind a request that nobody read, the next one waits.
        """
        reusable = self.open and self._complete and self._keeps_alive and not self._chunks
        reusable = reusable and not self._transport.get_write_buffer_size()
        self._asked = False
        if not reusable:
            self.close("no further exchange")
        return reusable

    def close(self, why: str) -> None:
        self._lost = self._lost or why
        if self._watch is not None:
            self._watch.cancel()
        self._opened.close()  # of no effect the second time
        self._transport.abort()

    async def _more(self) -> None:
        if self._lost:
            raise (httpx.ReadTimeout if self._late else httpx.ReadError)(self._lost)
        self._incoming = self._loop.create_future()
        await self._incoming

    def _watch_until(self, due: float) -> None:
        """One timer, kept from exchange to exchange: `asyncio.timeout` around each takes 5 us."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch, self._watches_until = self._loop.call_at(due, self._check), due

    def _check(self) -> None:
        self._watch = None
        if not self._asked or self._due is None:
            return
        if self._loop.time() < self._due:
            self._watch_until(self._due)
            return
        self._late = True
        self.close("not over when it was due")
        self._wake()

    def _wake(self) -> None:
        if self._incoming is not None and not self._incoming.done():
            self._incoming.set_result(None)

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self.close("the service spoke unasked")
            return
        self._bytes_without_body += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):  # or what we raise ourselves below
            self.close("the answer is no HTTP")
        if self._bytes_without_body > MOST_HEAD_BYTES:
            self.close("the answer's head or trailer is too long")
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if error is None and not self._lost and self._asked and self._status and not self._delimited:
            self._complete = True
        self.close("the connection was lost")
        self._aiohttp_protocol.connection_lost(error)
        self._wake()

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer")
        self._headers.clear()
        self._delimited = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if name.lower() in _DELIMITING:
            self._delimited = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer: the one that was asked for is still to come
            return
        self._status, self._bytes_without_body = status, 0
        self._keeps_alive = self._parser.should_keep_alive()

    def on_body(self, chunk: bytes) -> None:
        if not self._status:
            raise ValueError("an interim answer with a body")
        self._bytes_without_body = 0
        self._chunks.append(chunk)
        before, self._unread_bytes = self._unread_bytes, self._unread_bytes + len(chunk)
        if before <= MOST_UNREAD_BYTES < self._unread_bytes:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        self._complete = bool(self._status)
