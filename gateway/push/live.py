"""The jobs that somebody waits for: one view of each in this process, shared by all who follow it.

A change costs one read and one serialisation, however many are told of it; an end not even the read, for what is told
of it says how the job stands. Pub/sub may lose what it carries, so the versions of all watched jobs are compared every
two seconds, hundreds at a time, and what differs is read.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from math import ceil
from typing import Protocol

from pydantic_core import to_json

from bff.broker.background import background
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job
from bff.broker.jobs import Jobs
from bff.broker.keys import Keys
from bff.broker.watch import Listener, Watch
from bff.logs import about
from bff.wire.document import document_of
from gateway.push import messages
from gateway.push.frames import text_frame

log = logging.getLogger(__name__)

READ_AT_ONCE = 64
CHECKED_AT_ONCE = 500
FLOOR_SECONDS = 2.0
"""How often every watched job's version is compared, whatever pub/sub says."""
STEPS = 20
"""Into how many parts the watched jobs are divided for that, so that the load is even."""
AGAIN_SECONDS = 0.2


class Reading:
    """A job as it was read, and what is sent of it: made once, however many get it."""

    __slots__ = ("_document", "_event", "_frames", "job")

    def __init__(self, job: Job) -> None:
        self.job = job
        self._document: bytes | None = None
        self._frames: bytes | None = None
        self._event: bytes | None = None

    @property
    def document(self) -> bytes:
        if self._document is None:
            self._document = to_json(document_of(self.job))
        return self._document

    @property
    def frames(self) -> bytes:
        """What a WebSocket sends, as it goes over the wire: with the end of the subscription where it has ended."""
        if self._frames is None:
            message = b'{"type":"job","version":%d,"job":%b}' % (self.job.version, self.document)
            ended = text_frame(messages.done(self.job.id).encode()) if self.job.status.terminal else b""
            self._frames = text_frame(message) + ended
        return self._frames

    @property
    def event(self) -> bytes:
        """What an event stream sends."""
        if self._event is None:
            self._event = b"event: job\nid: %d\ndata: %b\n\n" % (self.job.version, self.document)
        return self._event


class Follower(Protocol):
    """Called from the event loop, and must not wait."""

    until_ended: bool
    """What happens before the job's end is no news to it."""

    def told(self, reading: Reading | None) -> None:
        """The first reading that began after it came, and every newer one; None: there is no such job.

        Versions rise, but where a failover has lost what was written.
        """

    def failed(self, error: Exception) -> None:
        """The job cannot be read at the moment. It is tried again for as long as somebody follows it."""

    def draining(self) -> None:
        """The process was asked to end."""


class _Nobody:
    """Follows a job before there is one."""

    until_ended = True

    def told(self, reading: Reading | None) -> None: ...

    def failed(self, error: Exception) -> None: ...

    def draining(self) -> None: ...


_TOLD = -1


class _View:
    """One job, and who follows it: each with the number of reads that had begun when it came, until it is told."""

    __slots__ = (
        "expected",
        "failing",
        "followers",
        "heard",
        "job_id",
        "live",
        "outdated",
        "reads",
        "untold",
        "version",
    )

    def __init__(self, live: "Live", job_id: str) -> None:
        self.live = live
        self.job_id = job_id
        self.followers: dict[Follower, int] = {}
        self.version = 0
        self.reads = 0
        self.untold = 0
        self.expected = False
        self.heard = False
        self.outdated = False
        self.failing = False

    def hear(self, payload: bytes | None) -> None:
        self.heard = True
        if not self.followers:
            return
        if payload is None:
            if self.untold:
                self.live.stale(self)
            elif self.version:
                self.live.suspect(self)
            return
        version, ended, news = payload.partition(b" ")
        if ended and int(version) > self.version:
            self.live.over(self, news)
        elif int(version) != self.version and not all(each.until_ended for each in self.followers):
            self.live.stale(self)

    def tell(self, read: int, reading: Reading | None) -> None:
        version = 0 if reading is None else reading.job.version
        newer, self.version = version != self.version, version
        self.failing = False
        for follower, came in tuple(self.followers.items()):
            if came == _TOLD:
                if (newer or reading is None) and follower in self.followers:
                    follower.told(reading)
            elif came < read and follower in self.followers:
                self.followers[follower] = _TOLD
                self.untold -= 1
                follower.told(reading)

    def fail(self, error: Exception) -> None:
        """Those who came since the last failure are told of this one, the others of the first."""
        first, self.failing = not self.failing, True
        for follower, came in tuple(self.followers.items()):
            if (first or came != _TOLD) and follower in self.followers:
                follower.failed(error)


class Live:
    """Use as a context; `follow` and `leave` in pairs."""

    def __init__(self, jobs: Jobs, watch: Watch, keys: Keys) -> None:
        self._jobs = jobs
        self._watch = watch
        self._keys = keys
        self._views: dict[str, _View] = {}
        self._stale: dict[_View, None] = {}
        self._suspects: dict[_View, None] = {}
        self._reads: dict[_View, asyncio.Task[None]] = {}
        self._rest: asyncio.TimerHandle | None = None
        self._to_check = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Live"]:
        async with background(live_checker=self._check_on(), live_floor=self._sweep_on()):
            yield self
        self._stale.clear()
        if self._rest is not None:
            self._rest.cancel()
        for read in self._reads.values():
            read.cancel()

    @property
    def jobs(self) -> int:
        """How many somebody follows."""
        return len(self._views)

    def follow(self, job_id: str, follower: Follower, known: Job | None = None) -> None:
        """Have `follower` told of a job, beginning with how it stands after now.

        Or with what comes after `known`, where the job was expected, so that nothing can have been missed since. But
        not where others were told of another version: of that of `known` they are still to be told.
        """
        view = self._viewed(job_id, self._watch.add)
        if known is not None and view.expected and view.heard and view.version in (0, known.version):
            view.followers[follower] = _TOLD
            view.version = known.version
            return
        view.followers[follower] = view.reads
        view.untold += 1
        if view.heard or not self._watch.connected:  # else it is read once its channel is subscribed to
            self.stale(view)

    @contextmanager
    def expecting(self, job_id: str) -> Iterator[None]:
        """For a job that is about to be submitted: what is told of it is heard from its first moment on."""
        nobody, view = _Nobody(), self._viewed(job_id, self._watch.add_ahead)
        view.expected = not view.followers
        view.followers[nobody] = _TOLD
        try:
            yield
        finally:
            self.leave(job_id, nobody)

    def _viewed(self, job_id: str, add: Callable[[str, Listener], None]) -> _View:
        view = self._views.get(job_id)
        if view is None:
            view = self._views[job_id] = _View(self, job_id)
            add(self._keys.changed(job_id), view.hear)
        return view

    def leave(self, job_id: str, follower: Follower) -> None:
        view = self._views.get(job_id)
        if view is None:
            return
        if view.followers.pop(follower, _TOLD) != _TOLD:
            view.untold -= 1
        if not view.followers:
            del self._views[job_id]
            self._stale.pop(view, None)
            self._suspects.pop(view, None)
            self._watch.remove(self._keys.changed(job_id), view.hear)

    def drain(self) -> None:
        for view in tuple(self._views.values()):
            for follower in tuple(view.followers):
                follower.draining()

    def stale(self, view: _View) -> None:
        """Have it read at once, or once more after it has been."""
        if view in self._reads:
            view.outdated = True
            return
        self._stale[view] = None
        self._read_on()

    def over(self, view: _View, news: bytes) -> None:
        """Tell how it ended; or have it read, where the news do not say, or somebody is to be told of a read."""
        job = None if view.untold or view in self._reads else self._jobs.told(view.job_id, news)
        if job is None:
            self.stale(view)
        else:
            view.tell(view.reads, Reading(job))

    def suspect(self, view: _View) -> None:
        """Have its version compared."""
        self._suspects[view] = None
        self._to_check.set()

    def _read_on(self) -> None:
        while self._stale and len(self._reads) < READ_AT_ONCE and self._rest is None:
            [view] = _first(self._stale, 1)
            read = asyncio.create_task(self._read(view))
            self._reads[view] = read
            read.add_done_callback(partial(self._has_read, view))

    def _has_read(self, view: _View, _: "asyncio.Task[None]") -> None:
        del self._reads[view]
        if view.outdated and view.followers:
            self._stale[view] = None
        view.outdated = False
        self._read_on()

    async def _read(self, view: _View) -> None:
        view.reads += 1
        number = view.reads
        try:
            job = await self._jobs.read(view.job_id)
            view.tell(number, None if job is None else Reading(job))
        except BrokerUnavailable as error:
            view.outdated = True
            self._rest_first()
            view.fail(error)
        except Exception as error:  # a loop's edge: one job that cannot be read must not stop the others
            log.exception("a job cannot be shown", extra=about(correlation_id=view.job_id))
            view.fail(error)

    def _rest_first(self) -> None:
        """The broker does not answer: it is not to be asked again at once."""
        if self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self._read_on()

    async def _check_on(self) -> None:
        while True:
            await self._to_check.wait()
            chunk = _first(self._suspects, CHECKED_AT_ONCE)
            if not self._suspects:
                self._to_check.clear()
            try:
                versions = await self._jobs.versions([view.job_id for view in chunk])
            except BrokerUnavailable as error:
                for view in chunk:
                    view.fail(error)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for view, version in zip(chunk, versions, strict=True):
                view.failing = False
                if view.followers and (view.untold or version != view.version):
                    self.stale(view)

    async def _sweep_on(self) -> None:
        while True:
            views = list(self._views.values())
            size = max(1, ceil(len(views) / STEPS))
            for step in range(STEPS):
                await asyncio.sleep(FLOOR_SECONDS / STEPS)
                for view in views[step * size : (step + 1) * size]:
                    if view.followers:
                        self.suspect(view)


def _first(views: dict[_View, None], many: int) -> list[_View]:
    """Up to so many of them, taken out in the order in which they were put in."""
    chunk = [view for view, _ in zip(views, range(many), strict=False)]
    for view in chunk:
        del views[view]
    return chunk
