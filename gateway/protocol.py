"""HTTP/1.1 as uvicorn reads it, its headers bounded in size and in time; what is refused is a problem."""

import asyncio
import re
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bff.broker.job_id import new_job_id
from gateway import problems
from gateway.body import WHOLE
from gateway.correlation import NOSNIFF
from gateway.problems import Problem
from gateway.push.messages import WEBSOCKET_PATH
from gateway.push.waiters import OVERLOAD_RETRY_SECONDS

HEAD_BYTES = 65_536
HEAD_SECONDS = 10.0
TURNED_AWAY_SECONDS = 1.0
"""How long a connection too many is kept, so that its client can read why."""
_CONTINUE = b"HTTP/1.1 100 "
_NONCE = re.compile(rb"[A-Za-z0-9+/]{22}==")


def bounded(max_connections: int, metrics_port: int | None = None) -> "type[BoundedProtocol]":
    """The protocol, for a server that holds so many connections at most; its port for metrics answers also then."""
    bounds = {"max_connections": max_connections, "metrics_port": metrics_port}
    return type("BoundedProtocol", (BoundedProtocol,), bounds)


class BoundedProtocol(HttpToolsProtocol):
    """Of a head, httptools and uvicorn bound neither: one without an end would fill the memory, a byte a minute hold a
    connection.

    The bound on bytes holds for what comes in more than one read; a read is at most 256 KiB.
    """

    max_connections = 30_000
    metrics_port: int | None = None
    """Where an orchestrator asks whether this process is alive: clients that take all else shall not have it ended."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._turned_away = False
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        """For the head, or for the goodbye of a connection too many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._await_head()
        apart = self.server is not None and self.server[1] == self.metrics_port
        if len(self.connections) > self.max_connections and not apart:
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._turned_away:
            return
        began_before = self._in_head
        super().data_received(data)
        if not self._in_head:
            if self._timer is not None:
                self._stop_timer()
            return
        if self._timer is None:
            self._await_head()
        if began_before:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                detail = f"The headers are longer than {HEAD_BYTES} bytes."
                self._refuse(Problem(problems.HEAD_TOO_LARGE, detail))

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.scope["abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]  # ASGI knows nothing of it
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["method"] != "HEAD":  # none for what becomes a WebSocket
            self.cycle.transport = _InOneWrite(self.transport)  # type: ignore[assignment]  # all that it uses of one

    def on_message_complete(self) -> None:
        self.scope[WHOLE] = True  # type: ignore[literal-required]  # nor of this
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(problems.MALFORMED_REQUEST, msg))

    def _should_upgrade_to_ws(self) -> bool:
        """Any other wish, and one that is not as RFC 6455 has it, is passed over: the request is answered as it is."""
        headers = dict(self.headers)
        return (
            self.url.partition(b"?")[0] == WEBSOCKET_PATH.encode()
            and self.scope["method"] == "GET"
            and not headers.keys() & {b"content-length", b"transfer-encoding"}  # whose end would be waited for
            and headers.get(b"sec-websocket-version") == b"13"
            and _NONCE.fullmatch(headers.get(b"sec-websocket-key", b"")) is not None
        )

    def _unsupported_upgrade_warning(self) -> None:
        # httptools reads nothing more on a connection that asked for another protocol.
        self.cycle.keep_alive = False

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if self._in_head:
            detail = f"The headers were not complete within {HEAD_SECONDS:g} s."
            self._refuse(Problem(problems.REQUEST_TOO_SLOW, detail))
        else:
            self.transport.close()

    def _turn_away(self) -> None:
        """To close at once would reset the connection where a request is on its way: the answer would be lost."""
        self._turned_away = True
        detail = f"{self.max_connections} connections are open."
        problem = Problem(problems.TOO_MANY_CONNECTIONS, detail, retry_after=OVERLOAD_RETRY_SECONDS)
        self.transport.write(_written(problem.response("/", new_job_id()), self.server_state.default_headers))
        self.transport.write_eof()
        self._stop_timer()
        self._timer = self.loop.call_later(TURNED_AWAY_SECONDS, self.transport.abort)

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request and hang up; where a whole one before it is being answered, hang up after that."""
        self._in_head = False
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:  # type: ignore[redundant-expr]  # none so far: None
            if self.pipeline or cycle.response_started or not cycle.more_body:
                self.pipeline.clear()
                cycle.keep_alive = False
                self.flow.pause_reading()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        if not self.transport.is_closing():
            self.transport.write(_written(problem.response("/", new_job_id()), self.server_state.default_headers))
        self.transport.close()


class _InOneWrite:
    """The transport of one response that has a body: its head waits for the beginning of that.

    uvicorn writes each by itself, and uvloop sends at once what is written: a system call and a packet too many.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head is None and not data.startswith(_CONTINUE):
            self._head = data
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if self._head:
            self._transport.write(self._head)
        self._transport.close()


def _written(response: Response, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    headers = [*default_headers, *response.raw_headers, NOSNIFF, (b"connection", b"close")]
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    return STATUS_LINE[response.status_code] + lines + b"\r\n" + bytes(response.body)
