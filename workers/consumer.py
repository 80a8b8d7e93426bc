"""One service's consumer: take, perform many at once, wait for a slot, a permit or new work, and take again."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress

from bff.broker.arrivals import Arrivals
from bff.broker.contact import Contact
from bff.broker.errors import BrokerUnavailable
from bff.broker.lanes import Entry, Lanes, Supply, Taken
from bff.broker.workers import Held
from bff.calls.perform import Performer
from bff.failpoints import Point, failpoint
from bff.logs import about
from workers.metrics import Metrics

log = logging.getLogger(__name__)

MOST_AT_ONCE = 48  # entries of one take, so that several workers share a backlog: their ends are three full batches
MOST_AT_WAKING = 8  # of one asked for before they came: who is dead or frozen by then leaves so many to be reclaimed
# A take for each call that ends would double what Redis is asked for: a slot may stand empty for so long, or until so
# large a part of the service's slots has become free.
GATHER_SECONDS = 0.005
MANY = 0.25
BROKER_AGAIN_SECONDS = 0.5
LAST_TAKE_SECONDS = 3.0  # as long as a broker that is away may take to say so
TELL_SECONDS = 2.0  # for handing back what was broken off


class Consumer:
    """Runs until `stop`; an entry once taken is performed to its end."""

    def __init__(self, performer: Performer, lanes: Lanes, arrivals: Arrivals, metrics: Metrics) -> None:
        self.performer = performer
        self._lanes = lanes
        self._arrivals = arrivals
        self._metrics = metrics
        self._service = performer.service
        self._contact = Contact(f"consumer of {performer.service.name}")
        self._running: set[asyncio.Task[None]] = set()
        self._freed, self._many_freed, self._freed_slots = asyncio.Event(), asyncio.Event(), 0
        self._many = max(1, min(MOST_AT_ONCE, int(MANY * performer.service.max_concurrency)))
        self._patience: asyncio.Timeout | None = None
        self._stopping = False
        self._behind: Sequence[str] | None = None  # what the last take saw, where it left nothing
        self._over = asyncio.Event()
        metrics.slots.labels(self.service, "leased").set_function(lambda: self.held.leased)
        metrics.slots.labels(self.service, "busy").set_function(lambda: self.held.busy)

    @property
    def service(self) -> str:
        return self._service.name

    @property
    def held(self) -> Held:
        """As of now."""
        return Held(busy=len(self.performer.calling), leased=len(self._running))

    async def run(self) -> None:
        """Consume. BrokerUnavailable is waited out; whatever else goes wrong ends it."""
        try:
            await self._consume()
        finally:
            self._over.set()

    def stop(self) -> None:
        """Take no more. What was taken goes on; `run` returns once the take under way has."""
        if not self._stopping and self._patience is not None:
            self._patience.reschedule(0)
        self._stopping = True

    async def drained(self, seconds: float) -> None:
        """Let what runs come to its end for so long, then break off its calls: what can be goes back to its lane."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_TAKE_SECONDS):
                await self._arrivals.interrupt()
                await self._over.wait()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self.performer.abort()
        if self._running:
            await asyncio.wait(self._running, timeout=TELL_SECONDS)

    async def _consume(self) -> None:
        while not self._stopping:
            self._freed.clear()
            self._many_freed.clear()
            self._freed_slots = 0
            room = self._service.max_concurrency - len(self._running)
            if room <= 0:
                await self._wait(self._slots())
                continue
            try:
                taken = await self._take(room)
                self._contact.made()
                self._start(taken)
                await self._until_more(taken)
            except BrokerUnavailable as error:
                self._behind = None
                self._contact.lost(error)
                await self._wait(asyncio.sleep(BROKER_AGAIN_SECONDS))

    async def _take(self, room: int) -> Taken:
        if self._behind is None:
            taken = await self._lanes.take(min(room, MOST_AT_ONCE))
        else:
            taken = await self._arrivals.take(self._behind, min(room, MOST_AT_WAKING))
        self._behind = taken.last_ids if taken.supply is Supply.IDLE else None
        return taken

    def _start(self, taken: Taken) -> None:
        self._metrics.ended(taken.ended)
        self._metrics.taken(self._service.name, taken.entries)
        for entry in taken.entries:
            failpoint(Point.AFTER_TAKE)
            running = asyncio.create_task(self._perform(entry))
            self._running.add(running)

    async def _perform(self, entry: Entry) -> None:
        try:
            await self.performer.perform(entry)
        except BrokerUnavailable as error:
            known = about(correlation_id=entry.job_id, operation=entry.operation, call=entry.call)
            log.warning("a call is left to be reclaimed: %s", error, extra=known)
        finally:
            running = asyncio.current_task()
            assert running is not None
            self._running.discard(running)
            self._free_slot()

    async def _until_more(self, taken: Taken) -> None:
        if taken.supply is Supply.IDLE:
            await asyncio.sleep(0)  # what was taken is begun before more is waited for
        elif taken.again_ms:
            seconds = max(taken.again_ms / 1000, GATHER_SECONDS)
            await self._wait(self._slots(seconds) if taken.supply is Supply.FULL else asyncio.sleep(seconds))

    def _free_slot(self) -> None:
        self._freed_slots += 1
        self._freed.set()
        if self._freed_slots >= self._many:
            self._many_freed.set()

    async def _slots(self, seconds: float | None = None) -> None:
        """Wait for a slot, at most so long; and for others, where they become free one by one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._freed.wait()
            async with asyncio.timeout(GATHER_SECONDS):
                await self._many_freed.wait()

    async def _wait(self, waiting: Awaitable[object]) -> None:
        """Wait for something, or until `stop`."""
        try:
            async with asyncio.timeout(0 if self._stopping else None) as self._patience:
                await waiting
        except TimeoutError:
            return
        finally:
            self._patience = None
