"""One entry, from taken to told: build the request, make the call, see what follows, tell the broker."""

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from pydantic_core import from_json, to_json

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import CallStatus, Ended, Mode
from bff.broker.lanes import End, Entry, Health, Lanes, Noted
from bff.calls.next_step import (
    UNKNOWN_COMPENSATION_ATTEMPTS,
    Step,
    again,
    budgeted,
    failure,
    health_of,
    may_run,
    success,
)
from bff.catalog.catalog import Catalog
from bff.catalog.model import Request
from bff.catalog.services import Service
from bff.downstream.client import STOPS_WITHIN_SECONDS, Downstream
from bff.downstream.outcome import Outcome, Reason, Verdict
from bff.failpoints import Point, failpoint
from bff.trace.context import trace_of_job
from bff.trace.span import NONE, Kind, Span, current, span

log = logging.getLogger(__name__)

Told = TypeVar("Told")

TELL_AGAIN_SECONDS = 0.5
UNKNOWN_CALL_DELAY_MS = 1000
RECLAIMED_AFTER_SECONDS = 0.9  # and the timeout of the call: a little less than in scripts/reclaim.lua

_NOT_BUILT: Final = Outcome(Verdict.REFUSED, 0, reason=Reason.BAD_REQUEST)
_WORKER_LOST: Final = Outcome(Verdict.UNKNOWN, 0, reason=Reason.WORKER_LOST)
_BARRED: Final = Outcome(Verdict.UNREACHED, 0, reason=Reason.BREAKER_OPEN)
_ABORTED: Final = Outcome(Verdict.UNKNOWN, 0, reason=Reason.ABORTED)
_UNKNOWN_CALL: Final = Outcome(Verdict.UNREACHED, 0, reason=Reason.UNKNOWN_CALL)
_HELD_TOO_LONG: Final = Outcome(Verdict.UNREACHED, 0, reason=Reason.ABORTED)


class Counts(Protocol):
    """Whoever counts what was performed: the metrics of a worker, or of a gateway."""

    def called(self, service: str, outcome: Outcome) -> None: ...

    def retried(self, service: str) -> None: ...

    def ended(self, jobs: Iterable[Ended]) -> None: ...


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs the entries of one service.

    `calling`: who is in the middle of a call, and for which job it may be broken off, if for any.
    """

    catalog: Catalog
    service: Service
    lanes: Lanes
    downstream: Downstream
    metrics: Counts
    calling: set[tuple[str | None, "asyncio.Task[object]"]] = field(default_factory=set)

    def abort(self, job_id: str | None = None) -> None:
        """Break off the calls of one job, or all: they end with an unknown outcome, and are told as such.

        Of one job, those that have a compensation are let run: broken off, one could do its work after it was undone.
        The others keep their slots for as long as the service may be at work: to hang up does not stop every service.
        """
        for called in tuple(self.calling):
            called_for, caller = called
            if job_id is None:
                self.calling.discard(called)  # nobody waits for its slot here any more
            if job_id is None or job_id == called_for:
                caller.cancel()

    async def perform(self, entry: Entry) -> None:
        """Make the call and tell the broker how it went. What cannot be told is reclaimed later."""
        with _attempt(self.service.name, entry):
            await self._perform(entry)

    async def _perform(self, entry: Entry) -> None:
        step = self._step(entry)
        if step is None:
            await self._pass_on(entry)
            return
        request = self._request(step, entry)
        if request is None:
            outcome = _NOT_BUILT
        elif entry.barred:
            outcome = _BARRED
        elif not may_run(step, entry):
            outcome = _WORKER_LOST
        else:
            failpoint(Point.BEFORE_CALL)
            outcome = await self._call(step, entry, request)
            self.metrics.called(self.service.name, outcome)
        failpoint(Point.AFTER_CALL)
        await self._conclude(step, entry, request, outcome)
        failpoint(Point.AFTER_TELL)

    def _step(self, entry: Entry) -> Step | None:
        operation = self.catalog.operations.get(entry.operation)
        call = operation and (operation.by_name.get(entry.call) or operation.compensation(entry.call))
        return Step(call, self.service) if call else None

    def _request(self, step: Step, entry: Entry) -> Request | None:
        operation = self.catalog.operations[entry.operation]
        try:
            parameters = operation.parameters.model_validate_json(entry.parameters)
            outcomes = {name: from_json(data) for name, data in entry.outcomes.items()}
            return step.call.build(parameters, outcomes)
        except Exception:
            log.exception("no request could be built")
            return None

    async def _call(self, step: Step, entry: Entry, request: Request) -> Outcome:
        left_seconds = self._left_seconds(entry)
        if left_seconds <= 0:
            return _HELD_TOO_LONG
        began = time.monotonic()
        key = f"{entry.job_id}:{entry.call}"
        calling = asyncio.current_task()
        assert calling is not None
        called = (None if step.has_compensation else entry.job_id, calling)
        self.calling.add(called)
        try:
            return await self.downstream.perform(
                self.service, request, idempotency_key=key, timeout_seconds=left_seconds, trace=current().context
            )
        except asyncio.CancelledError:
            calling.uncancel()
            if called in self.calling:  # for its job's sake, not because this worker is told to stop
                await self._until(began + min(left_seconds, self.service.timeout_seconds) + STOPS_WITHIN_SECONDS)
            return _ABORTED
        finally:
            self.calling.discard(called)

    async def _until(self, moment: float) -> None:
        """Of `time.monotonic()`; or until this worker is told to stop."""
        try:
            await asyncio.sleep(moment - time.monotonic())
        except asyncio.CancelledError:
            calling = asyncio.current_task()
            assert calling is not None
            calling.uncancel()

    def _left_seconds(self, entry: Entry) -> float:
        """Until the job's deadline, or until the entry may be given to another: from then on no call may run."""
        held_seconds = time.monotonic() - entry.asked_at
        bound_seconds = self.service.timeout_seconds + RECLAIMED_AFTER_SECONDS
        return min(bound_seconds, entry.remaining_ms / 1000 or bound_seconds) - held_seconds

    async def _conclude(self, step: Step, entry: Entry, request: Request | None, outcome: Outcome) -> None:
        cache_key = _cache_key(step, request) if request is not None and step.cache_seconds else None
        current().came_to(outcome.reason or outcome.verdict, failed=outcome.verdict is not Verdict.SUCCEEDED)
        if outcome.verdict is Verdict.SUCCEEDED:
            log.debug("call succeeded after %d ms", outcome.milliseconds)
            await self._finish(entry, success(step, outcome, cache_key))
            return
        next_ = again(step, entry, outcome, random.random)
        if next_ is not None:
            noted = await self._retry(
                entry, outcome, next_.delay_ms, next_.pause_ms, health=health_of(step, entry, outcome)
            )
            log.info("attempt failed after %d ms: %s", outcome.milliseconds, noted)
            if noted is Noted.PARKED:
                self.metrics.retried(self.service.name)
            if noted not in (Noted.TOO_LATE, Noted.NO_BUDGET):
                return
        end = failure(step, entry, outcome, await self._cached(cache_key))
        log.info("call ended as %s after %d ms", end.status, outcome.milliseconds)
        await self._finish(entry, end)

    async def _pass_on(self, entry: Entry) -> None:
        """A call that this worker's catalog does not have: while a new one is rolled out, another worker has it."""
        compensation = not entry.remaining_ms  # it has no deadline that would end this
        if not compensation or entry.attempt < UNKNOWN_COMPENSATION_ATTEMPTS:
            noted = await self._retry(entry, _UNKNOWN_CALL, UNKNOWN_CALL_DELAY_MS, 0, attempted=compensation)
            if noted is not Noted.TOO_LATE:
                return
        end = End(status=CallStatus.FAILED, effect=entry.effect, milliseconds=0, error=Reason.UNKNOWN_CALL)
        await self._finish(entry, end)

    async def _cached(self, cache_key: str | None) -> tuple[bytes, int] | None:
        return None if cache_key is None else await self.lanes.cached(cache_key)

    async def _finish(self, entry: Entry, end: End) -> None:
        told = await self._told(lambda: self.lanes.finish(entry, end))
        if told is not None:
            _, ended = told
            self.metrics.ended(ended)

    async def _retry(
        self,
        entry: Entry,
        outcome: Outcome,
        delay_ms: int,
        pause_ms: int,
        *,
        attempted: bool = True,
        health: Health = Health.SILENT,
    ) -> Noted:
        noted = await self._told(
            lambda: self.lanes.retry(
                entry,
                delay_ms=delay_ms,
                effect=entry.effect or outcome.verdict is Verdict.UNKNOWN,
                error=outcome.reason or "",
                http_status=outcome.http_status,
                pause_ms=pause_ms,
                attempted=attempted,
                budgeted=attempted and budgeted(outcome),
                health=health,
                ran_ms=outcome.milliseconds,
            ),
        )
        return noted or Noted.STALE

    async def _told(self, tell: Callable[[], Awaitable[Told]]) -> Told | None:
        """What the broker says to it, asked again where it does not answer: telling twice changes nothing."""
        give_up_at = time.monotonic() + self.service.timeout_seconds
        while True:
            try:
                return await tell()
            except BrokerUnavailable as error:
                if time.monotonic() >= give_up_at:
                    log.warning("the end of a call could not be told: %s", error)
                    return None
            await asyncio.sleep(TELL_AGAIN_SECONDS)


def _attempt(service: str, entry: Entry) -> Span:
    """One attempt at one call, in the trace of its job."""
    from_lane = entry.mode is Mode.ASYNC or not entry.remaining_ms  # workers undo what is synchronous
    in_lane = {
        "messaging.system": "redis",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": entry.lane,
        "messaging.message.id": entry.id,
    }
    return span(
        f"{'process' if from_lane else 'perform'} {entry.operation}.{entry.call}",
        Kind.CONSUMER if from_lane else Kind.INTERNAL,
        parent=trace_of_job(entry.job_id, entry.traceparent, entry.tracestate),
        attributes=in_lane if from_lane else NONE,
        correlation_id=entry.job_id,
        operation=entry.operation,
        priority=entry.priority,
        mode=entry.mode,
        service=service,
        call=entry.call,
        attempt=entry.attempt + entry.spared,
    )


def _cache_key(step: Step, request: Request) -> str:
    """One answer for the same request to the same service."""
    what = to_json([step.service.name, request.method, request.path, request.body])
    return hashlib.sha256(what).hexdigest()[:32]
