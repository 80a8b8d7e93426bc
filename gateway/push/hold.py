"""Holding an answer until a job changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.requests import Request

from bff.broker.job import Job
from bff.catalog.clients import Client
from gateway.gateway import Gateway
from gateway.push.live import Live, Reading
from gateway.push.waiters import Channel

ANSWERED_WITHIN_SECONDS = 1.0
"""Before a gateway that drains breaks off what is not answered."""


async def held(
    gateway: Gateway,
    request: Request,
    client: Client,
    job_id: str,
    seconds: float,
    changed: Callable[[Job], bool] | None = None,
    known: Job | None = None,
) -> Job | None:
    """The job once it has ended, or `changed`; as it is when the time is over, the client gone, the gateway draining
    or full. `known`: how it stood when it was accepted.

    What is not the client's own is not waited for. Raises BrokerUnavailable.
    """
    with gateway.waiters.one_more(Channel.LONG_POLL) as room, gateway.waiters.one_more_of(client) as room_of_its_own:
        if seconds <= 0 or not room or not room_of_its_own:
            return await gateway.broker.jobs.read(job_id)
        hold = _Hold(gateway.live, job_id, client=client, changed=changed, known=known)
        return await _held(gateway, request, seconds, hold)


async def held_to_the_end(gateway: Gateway, request: Request, job: Job, seconds: float) -> Job | None:
    """A synchronous job once it has ended, also while the gateway drains; as it is when the time is over, that for
    draining nearly so, or the client gone. Raises BrokerUnavailable.
    """
    drain_seconds = max(0, gateway.settings.drain_seconds - ANSWERED_WITHIN_SECONDS)
    return await _held(gateway, request, seconds, _Hold(gateway.live, job.id, known=job, drain_seconds=drain_seconds))


async def _held(gateway: Gateway, request: Request, seconds: float, hold: "_Hold") -> Job | None:
    with hold.following(seconds):
        async with _hang_up(request, hold):
            if gateway.draining.is_set():
                hold.draining()
            return await hold.answer


class _Hold:
    """One answer that is held; once it is `over`, for the next reading only."""

    def __init__(
        self,
        live: Live,
        job_id: str,
        *,
        client: Client | None = None,
        changed: Callable[[Job], bool] | None = None,
        known: Job | None = None,
        drain_seconds: float = 0,
    ) -> None:
        self.answer: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        # An error that comes when nobody asks any more is no news.
        self.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self.over = False
        self.until_ended = changed is None
        self.known = known
        self._live = live
        self._job_id = job_id
        self._client = client
        self._changed = changed
        self._drain_seconds = drain_seconds
        self._timers: list[asyncio.TimerHandle] = []

    @contextmanager
    def following(self, seconds: float) -> Iterator[None]:
        """The job, for so long."""
        self._over_in(seconds)
        self._live.follow(self._job_id, self, self.known)
        try:
            yield
        finally:
            for timer in self._timers:
                timer.cancel()
            self._live.leave(self._job_id, self)

    def _over_in(self, seconds: float) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._show))

    def _show(self) -> None:
        """How it stands now."""
        self._live.leave(self._job_id, self)
        self.over = True
        self._live.follow(self._job_id, self)

    def told(self, reading: Reading | None) -> None:
        self.known = None if reading is None else reading.job
        if self.over or self.known is None or self._enough(self.known):
            self.give_up()

    def _enough(self, job: Job) -> bool:
        if job.status.terminal or (self._client is not None and job.client != self._client.name):
            return True
        return self._changed is not None and self._changed(job)

    def failed(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def draining(self) -> None:
        self._over_in(self._drain_seconds)

    def give_up(self) -> None:
        """Answer with what is known."""
        if not self.answer.done():
            self.answer.set_result(self.known)


@asynccontextmanager
async def _hang_up(request: Request, hold: _Hold) -> AsyncIterator[None]:
    """Give up once the client has hung up. After the body nothing else can be received."""
    gone: asyncio.Task[None] = asyncio.create_task(_gone(request))
    gone.add_done_callback(lambda _: hold.give_up())
    try:
        yield
    finally:
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
