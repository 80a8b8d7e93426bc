"""Requests over kept connections, at a sixth of what a client for every purpose takes: the load tester shares its
machine with what it measures. Only what a gateway answers is understood: HTTP/1.1, with a length or in chunks."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

KEEPALIVE_SECONDS = 3  # shorter than the gateway's, which would otherwise close a connection that is just being used


class NoAnswer(Exception):
    """The connection failed: whether the request was served is not known."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`retry_after` as it was sent; empty where it was not."""

    status: int
    body: bytes
    retry_after: bytes


class Connections:
    """As many as there are requests at once. They are not bounded in time: who waits for them does that."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path
        self._fixed = f" HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nAccept: */*\r\n"
        self._idle: list[_Connection] = []

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Raises NoAnswer."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body or method != "GET":
            head += f"Content-Length: {len(body)}\r\n"
        message = f"{method} {self._prefix}{path}{self._fixed}{head}\r\n".encode("latin-1") + body
        connection = self._kept() or await self._opened()
        reply = await connection.ask(message)
        if connection.may_be_kept:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        return reply

    def close(self) -> None:
        """Those that are not in use."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _kept(self) -> "_Connection | None":
        """The one that was used last: those that are not needed any more grow old."""
        while self._idle:
            connection = self._idle.pop()
            if connection.may_be_kept and time.monotonic() - connection.idle_since < KEEPALIVE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _opened(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        except OSError as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time."""

    idle_since = 0.0

    def __init__(self) -> None:
        self.may_be_kept = True
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._body = b""
        self._retry_after = b""

    async def ask(self, message: bytes) -> Reply:
        assert self._transport is not None
        self._body, self._retry_after = b"", b""
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._waiter
        except BaseException:  # also when the client gives up: what comes later is nobody's
            self.abort()
            raise
        finally:
            self._waiter = None

    def abort(self) -> None:
        self.may_be_kept = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by descent

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"what came is no HTTP: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(str(error) if error else "the connection was closed")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.may_be_kept = self.may_be_kept and self._parser.should_keep_alive()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Reply(self._parser.get_status_code(), self._body, self._retry_after))

    def _fail(self, why: str) -> None:
        self.may_be_kept = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(NoAnswer(why))
