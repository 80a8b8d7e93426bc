"""WebSockets as uvicorn reads them, with bounds: on who does not read, on who does not answer, on what is kept."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from bff.broker.job_id import new_job_id
from gateway import problems
from gateway.correlation import NOSNIFF
from gateway.problems import Problem
from gateway.push.messages import WEBSOCKET_PATH, Close

PING_SECONDS = 10.0
PONG_SECONDS = 30.0
"""Who does not answer a ping for so long has read nothing for so long."""
CLOSE_SECONDS = 10.0
"""How long the other side may take to read and answer a close; then the connection is cut."""
DRAIN_CLOSE_SECONDS = 2.0
WRITE_BUFFER_BYTES = 32_768
"""What one socket may have waiting in this process; one message more is let in."""
READ_AT_ONCE = 4096
"""So many bytes are taken apart at once: small messages take a hundred times their size."""
MAX_FRAGMENTS = 1024
_WRITABLE = asyncio.Event()
_WRITABLE.set()
_REFUSALS = {
    400: problems.MALFORMED_REQUEST,
    403: problems.FORBIDDEN,
    405: problems.METHOD_NOT_ALLOWED,
    414: problems.HEAD_TOO_LARGE,
    426: problems.UPGRADE_REQUIRED,
    431: problems.HEAD_TOO_LARGE,
}


class Handshake(ServerProtocol):
    """Of websockets; one that is refused is answered with a problem."""

    def reject(self, status: HTTPStatus | int, text: str) -> Response:
        detail = text.strip().encode(errors="replace").decode() or "No WebSocket can be opened here."
        problem = Problem(_REFUSALS.get(int(status), problems.INTERNAL_ERROR), detail, headers={"Connection": "close"})
        answer = problem.response(WEBSOCKET_PATH, new_job_id())
        headers = Headers((name.decode(), value.decode()) for name, value in (*answer.raw_headers, NOSNIFF))
        return Response(answer.status_code, HTTPStatus(answer.status_code).phrase, headers, bytes(answer.body))


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own goes on reading from who does not read, and waits without end to close such a connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ping_interval = PING_SECONDS
        self.ping_timeout = PONG_SECONDS
        self.queue = _Inbox()  # type: ignore[assignment]  # all that is used of one
        self.writable = _WRITABLE
        self._unread = b""
        self.conn = Handshake(max_size=self.config.ws_max_size, logger=self.logger)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._read_on()
        if not (self.handshake_initiated or self.handshake_complete):
            self._refuse_handshake()
        if self._unread and not self.transport.is_closing():
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.writable = _WRITABLE
        self._read_on()
        self._resume_reading()

    async def receive(self) -> Any:
        message = await super().receive()
        self._read_on()
        return message

    def _read_on(self) -> None:
        """Messages wait for the application, and pongs for the client to read, in the form in which they came."""
        while self._unread and not self.read_paused and self.writable.is_set():
            part, self._unread = self._unread[:READ_AT_ONCE], self._unread[READ_AT_ONCE:]
            if self.conn.parser_exc is None:
                super().data_received(part)

    def _resume_reading(self) -> None:
        if not (self._unread or self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self._fail(1009, "too many fragments")

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self._fail(1007, "text is UTF-8")
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        closed = self.conn.close_sent
        self._ended(1006 if closed is None else closed.code)

    def keepalive_timeout(self) -> None:
        self.pong_timer = None
        if not (self.close_sent or self.transport.is_closing()):
            self._close(Close.OVERLOAD, "nothing was read for too long", CLOSE_SECONDS)

    def shutdown(self) -> None:
        self.stop_keepalive()
        if not self.handshake_complete:
            super().shutdown()
        elif not self.close_sent:
            self._close(Close.RESTART, "this gateway is shutting down", DRAIN_CLOSE_SECONDS)

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close" and self.handshake_complete:
            if not (self.close_sent or self.transport.is_closing()):
                self._close(message["code"], message.get("reason", ""), CLOSE_SECONDS)
            return
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected  # else what was not sent would count as sent
        if "frames" in message:
            self._send_as_it_is(message["frames"])
        else:
            await super().send(message)
        if message["type"] == "websocket.accept":
            self._forget_handshake()

    def _send_as_it_is(self, frames: bytes) -> None:
        """What many sockets are sent was made ready for all of them: what a server sends is not masked."""
        if self.conn.state is not OPEN or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frames)

    def _forget_handshake(self) -> None:
        """Else its headers are kept for as long as the socket is open."""
        self.request.headers.clear()
        self.response.headers.clear()

    def _refuse_handshake(self) -> None:
        """The whole head came at once, and could not be read; uvicorn would wait for more without end."""
        self.handshake_complete = self.close_sent = True
        answer = b"".join(self.conn.data_to_send())
        if not answer:
            self.conn.send_response(self.conn.reject(400, "The headers are not those of a WebSocket."))
            answer = b"".join(self.conn.data_to_send())
        self.transport.write(answer)
        self.transport.close()

    def _close(self, code: int, reason: str, within_seconds: float) -> None:
        """Begin the closing handshake behind what waits to be read, however long that may take."""
        self.conn.send_close(code, reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._write_close(within_seconds)
        self._read_on()
        self._resume_reading()

    def _fail(self, code: int, reason: str) -> None:
        """End what is no WebSocket any more: nothing that still comes means anything."""
        self.conn.fail(code, reason)
        self._ended(code)

    def _ended(self, code: int) -> None:
        if self.close_sent:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self._write_close(CLOSE_SECONDS)
        # To close now would reset the connection if more is on its way, and the close could get lost with it.
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def _write_close(self, within_seconds: float) -> None:
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False
        self._unread = b""
        self.close_timer = asyncio.get_running_loop().call_later(within_seconds, self.transport.abort)


def text_frame(message: bytes) -> bytes:
    return Frame(Opcode.TEXT, message).serialize(mask=False)


class _Inbox:
    """What waits for the application, which alone reads it: of asyncio's queue an idle socket would keep 3 kB."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def qsize(self) -> int:
        return len(self._messages)

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        while not self._messages:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._messages.pop(0)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
