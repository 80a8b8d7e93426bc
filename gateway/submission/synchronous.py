"""Synchronous jobs: the gateway that the request came to makes the calls itself, one hop after the other."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bff.broker.connect import Broker
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import CallStatus, Job
from bff.broker.lanes import Entry, Lanes
from bff.broker.synchronous import Beginning, begin
from bff.calls.perform import Counts, Performer
from bff.catalog.catalog import Catalog
from bff.downstream.client import Downstream

BROKER_AGAIN_SECONDS = 0.5
AFTER_THE_DEADLINE_SECONDS = 5.0
"""By then every call of a job has ended, and has been told."""
TELL_SECONDS = 2.0

log = logging.getLogger(__name__)


class Synchronous:
    """The synchronous jobs of this process, `bound` of each operation at most: one that is stuck leaves others room.

    At each service the calls of this process queue in the order in which they came, and only the first of them asks the
    broker for a slot: who waits costs memory here, and no more.
    """

    def __init__(self, catalog: Catalog, broker: Broker, downstream: Downstream, metrics: Counts, bound: int) -> None:
        self._catalog = catalog
        self._broker = broker
        self._metrics = metrics
        self._bound = bound
        self._held: Counter[str] = Counter()
        self._leaving = False
        self._running: set[asyncio.Task[None]] = set()
        self._gates = {name: asyncio.Lock() for name in catalog.services}
        self._performers = {
            name: Performer(catalog, service, Lanes(broker.cell, name, "gateway"), downstream, metrics)
            for name, service in catalog.services.items()
        }

    def __len__(self) -> int:
        return len(self._running)

    @contextmanager
    def place(self, operation: str) -> Iterator[bool]:
        """Room for one job more of an operation, kept for the length of the context: says whether there is any."""
        if self._held[operation] >= self._bound:
            yield False
            return
        self._held[operation] += 1
        try:
            yield True
        finally:
            self._held[operation] -= 1

    def start(self, job: Job) -> None:
        """Make the calls of a job that was accepted. Goes on until it has ended, whoever waits for it."""
        if not self._running:
            self._broker.watch.add(self._broker.cell.keys.aborted(), self._abort)
        self._held[job.operation] += 1
        running = asyncio.create_task(self._run(job))
        self._running.add(running)
        running.add_done_callback(self._ended)

    async def drained(self, seconds: float) -> None:
        """Let what runs come to its end for so long, then break it off: what was done is undone by workers."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._leaving = True
        self._break_off()
        if self._running:
            await asyncio.wait(self._running, timeout=TELL_SECONDS)
        self._break_off()  # what was just beginning
        for running in self._running:
            running.cancel()

    def _break_off(self) -> None:
        for performer in self._performers.values():
            performer.abort()

    def _abort(self, payload: bytes | None) -> None:
        """A job has ended with a call in flight."""
        if payload is not None:
            for performer in self._performers.values():
                performer.abort(payload.decode())

    def _ended(self, running: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        if not self._running:
            self._broker.watch.remove(self._broker.cell.keys.aborted(), self._abort)
        if not running.cancelled() and (error := running.exception()) is not None:
            log.critical("a synchronous job was left to its deadline", exc_info=error)

    async def _run(self, job: Job) -> None:
        left_seconds = (job.deadline_ms - job.now_ms) / 1000
        with suppress(TimeoutError):
            try:
                async with asyncio.timeout(left_seconds + AFTER_THE_DEADLINE_SECONDS), asyncio.TaskGroup() as calls:
                    await self._advance(job, calls)
            finally:
                self._held[job.operation] -= 1

    async def _advance(self, job: Job, calls: asyncio.TaskGroup) -> None:
        """Make each call once those before it have ended, until the job has."""
        services = {call.name: call.service for call in self._catalog.operations[job.operation].calls}
        making: dict[str, asyncio.Task[None]] = {}
        while True:
            for call in () if self._leaving else job.graph:
                if call.status is CallStatus.QUEUED and call.name not in making:
                    making[call.name] = calls.create_task(self._make(services[call.name], job.id, call.name))
            if making:
                await asyncio.wait(making.values(), return_when=asyncio.FIRST_COMPLETED)
            elif job.status.terminal or self._leaving:
                return
            else:  # a call was begun, and the broker's answer lost: it is reclaimed, and the job may go on without it
                await asyncio.sleep(BROKER_AGAIN_SECONDS)
            making = {name: each for name, each in making.items() if not each.done()}
            read = await self._read(job.id)
            if read is None:  # nothing is kept of it any more: Redis was emptied
                return
            job = read

    async def _make(self, service: str, job_id: str, call: str) -> None:
        """One attempt. What is to be tried again is queued again, for later."""
        entry = await self._begun(service, job_id, call)
        if entry is None:
            return
        with suppress(BrokerUnavailable):  # it is reclaimed: the job fails, and what was done is undone
            await self._performers[service].perform(entry)

    async def _begun(self, service: str, job_id: str, call: str) -> Entry | None:
        while True:
            async with self._gates[service]:
                begun = await self._slot(job_id, call)
            if isinstance(begun, Entry) or begun is None:
                return begun
            await asyncio.sleep(begun / 1000)

    async def _slot(self, job_id: str, call: str) -> Entry | int | None:
        """The call, once it has begun; None where there is none to make; in how many ms a retry is due."""
        while not self._leaving:
            try:
                begun = await begin(self._broker.cell, job_id, call)
            except BrokerUnavailable:
                await asyncio.sleep(BROKER_AGAIN_SECONDS)
                continue
            self._metrics.ended(begun.ended)
            if begun.beginning is Beginning.EARLY:
                return begun.again_ms
            if begun.beginning is not Beginning.LIMITED:
                return begun.entry
            await asyncio.sleep(begun.again_ms / 1000)
        return None

    async def _read(self, job_id: str) -> Job | None:
        while True:
            with suppress(BrokerUnavailable):
                return await self._broker.jobs.read(job_id)
            await asyncio.sleep(BROKER_AGAIN_SECONDS)
