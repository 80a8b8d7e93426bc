"""GET /v1/jobs/{id}/events: a job's changes as server-sent events."""

import asyncio
from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from bff.broker.job import Job
from bff.broker.job_id import is_job_id
from bff.catalog.clients import Client
from gateway.gateway import Gateway, gateway_of
from gateway.identity import holder_of, revoked
from gateway.ownership import own
from gateway.push.live import Reading
from gateway.push.outlet import Outlet
from gateway.push.waiters import Channel, too_many_waiters

HEARTBEAT_SECONDS = 15.0

_RETRY = b"retry: 3000\n\n"
_HEARTBEAT = b": still here\n\n"


class EventsEndpoint:
    """Plain ASGI: a stream that is idle is one task, which waits for the client to hang up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        gateway, job_id = gateway_of(request), request.path_params["job_id"]
        client, key_hash = await holder_of(request)
        with gateway.waiters.one_more(Channel.SSE) as room, gateway.waiters.one_more_of(client) as room_of_its_own:
            if not room or not room_of_its_own:
                raise too_many_waiters()
            stream = Stream(gateway, client, key_hash, _seen(request), send, scope.get("abort", _nothing))
            await _serve(stream, job_id, scope, receive, send)


def _seen(request: Request) -> int:
    """The version that Last-Event-ID names; -1 where it names none."""
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


async def _serve(stream: "Stream", job_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Raises Problem, BrokerUnavailable; nothing has been sent by then."""
    gateway, client = stream.gateway, stream.client
    if not is_job_id(job_id):
        own(gateway, client, None, job_id)
    gateway.live.follow(job_id, stream)
    try:
        job = own(gateway, client, await stream.first, job_id)
        if job.ended_by(stream.seen):
            await send({"type": "http.response.start", "status": 204, "headers": _headers(job, stream=False)})
            await send({"type": "http.response.body"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": _headers(job, stream=True)})
        if scope.get("head"):
            await send({"type": "http.response.body"})
            return
        stream.begin()
        while (await receive())["type"] != "http.disconnect":  # also once all has been sent
            pass
    finally:
        gateway.live.leave(job_id, stream)
        stream.end()


def _nothing() -> None:
    """Where a server does not say how to end a connection that is blocked."""


class Stream:
    """What is to be sent of one job. A client that reads slowly gets its newest state, not each one in between."""

    until_ended = False

    def __init__(
        self, gateway: Gateway, client: Client, key_hash: str | None, seen: int, send: Send, abort: Callable[[], None]
    ) -> None:
        """`key_hash` is that of the client's key, `seen` the version that it has."""
        self.first: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        # An error that comes when nobody asks any more is no news.
        self.first.add_done_callback(lambda first: first.cancelled() or first.exception())
        self.gateway = gateway
        self.client = client
        self.seen = seen
        self._key_hash = key_hash
        self._newest: Reading | None = None
        self._preface = _RETRY
        self._over = False
        self._begun = False
        self._left = False
        self._outlet = Outlet(send, self._messages, abort)
        self._heartbeat: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The response has been started."""
        self._begun = True
        self._over |= self.gateway.draining.is_set()
        self._outlet.wake()

    def end(self) -> None:
        """The client is gone, or has got all."""
        self._begun = False
        self._left = True
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    def told(self, reading: Reading | None) -> None:
        if not self.first.done():
            self.first.set_result(None if reading is None else reading.job)
        if (
            reading is None
            or reading.job.client != self.client.name
            or (self._begun and revoked(self.gateway, self._key_hash))
        ):
            self._over = True
        elif reading.job.version != self.seen:
            self._newest = reading
        self._wake()

    def failed(self, error: Exception) -> None:
        """A stream that has begun goes on, and tells what changed meanwhile once it can be read."""
        if not self.first.done():
            self.first.set_exception(error)

    def draining(self) -> None:
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._begun:
            self._outlet.wake()

    def _messages(self) -> Iterator[Message]:
        while self._begun:
            body, self._preface = self._preface, b""
            reading, self._newest = self._newest, None
            over = self._over or (reading is not None and reading.job.status.terminal)
            if reading is not None:
                body += reading.event
                self.seen = reading.job.version
            if not body and not over:
                break
            self._begun = not over
            yield {"type": "http.response.body", "body": body, "more_body": not over}
            if reading is not None and not self._left:  # uvicorn says nothing where it could not send
                self.gateway.retrieved(reading.job, Channel.SSE)
        self._beat_later()

    def _beat_later(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._begun:
            self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        self._preface = _HEARTBEAT
        self._over |= revoked(self.gateway, self._key_hash)
        self._wake()


def _headers(job: Job, *, stream: bool) -> list[tuple[bytes, bytes]]:
    headers = [(b"cache-control", b"no-store"), (b"x-correlation-id", job.id.encode()), (b"vary", b"Authorization")]
    if stream:
        headers += [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
    return headers
