"""How a simulated job moves along its operation's graph of calls: as scripts/lib/graph.lua has it."""

from collections.abc import Collection
from typing import Protocol

from scenario.model import Pattern
from scenario.result import End
from simulator.engine.job import (
    EXPIRED,
    FAILED,
    FALLBACK,
    PARKED,
    QUEUED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    Job,
)
from simulator.engine.plan import MARGIN_SECONDS
from simulator.engine.station import Station


class Owner(Protocol):
    """Whoever is told how a job ended."""

    def job_ended(self, now: float, job: Job, end: End) -> None: ...


class Jobs:
    """Places are booked at the stations of all calls when a job is submitted, of a synchronous one at none."""

    def __init__(self, stations: list[Station], bottleneck: Station, owner: Owner, pattern: Pattern) -> None:
        self._stations = stations
        self._bottleneck = bottleneck
        self._owner = owner
        self._sync = pattern is Pattern.SYNC
        for station in stations:
            station.graph = self

    def submit(self, now: float, job: Job, without: Collection[int] = (), done: Collection[int] = ()) -> None:
        """`without`: the calls that get no place; `done`: those that the gateway has made already."""
        for k, call in enumerate(job.operation.calls):
            if k in done:
                job.states[k] = SUCCEEDED
            elif k in without:
                job.states[k] = FALLBACK if call.fallback else SKIPPED
            elif not self._sync:
                self._stations[call.service].booked[job.priority] += 1
        if job.operation.is_chain:
            self._stations[job.operation.calls[0].service].enter(now, job, 0)
        else:
            self._advance(now, job)
        self._bottleneck.seen()

    def ended(self, now: float, job: Job, k: int, state: int) -> None:
        call, states = job.operation.calls[k], job.states
        if state == FAILED and call.required and now >= job.deadline - MARGIN_SECONDS:
            states[k] = FAILED
            self._run_out(now, job)
            return
        states[k] = FALLBACK if call.fallback and state in (FAILED, EXPIRED) else state
        if states[k] > FALLBACK:
            self._advance(now, job)
        elif call.before:
            for later in call.before:
                if states[later] == WAITING and self._is_ready(job, later):
                    self._stations[job.operation.calls[later].service].enter(now, job, later)
        elif min(states) >= SUCCEEDED:
            self._end(now, job, End.SUCCEEDED)

    def _is_ready(self, job: Job, k: int) -> bool:
        after = job.operation.calls[k].after
        return len(after) == 1 or all(SUCCEEDED <= job.states[each] <= FALLBACK for each in after)

    def cancel(self, now: float, job: Job) -> None:
        self._settle(now, job, End.TIMED_OUT)

    def _advance(self, now: float, job: Job) -> None:
        """Start what waited for an ended call, skip what can no longer run, end the job when nothing is left."""
        states, going_on = job.states, False
        for k, call in enumerate(job.operation.calls):
            state = states[k]
            if state == WAITING:
                before = [states[each] for each in call.after]
                if any(each > FALLBACK for each in before):
                    self._skip(now, job, k)
                elif not before or min(before) >= SUCCEEDED:
                    self._stations[call.service].enter(now, job, k)
                    if job.is_over:  # it could do without an answer, and that was the last one
                        return
                state = states[k]
            if state > FALLBACK and call.required:
                self._settle(now, job, End.EXPIRED if state == EXPIRED else End.FAILED)
                return
            going_on = going_on or state < SUCCEEDED
        if not going_on:
            self._settle(now, job, End.SUCCEEDED)

    def _skip(self, now: float, job: Job, k: int) -> None:
        call = job.operation.calls[k]
        self._stations[call.service].gone(now, job, k)
        job.states[k] = FALLBACK if call.fallback else SKIPPED

    def _run_out(self, now: float, job: Job) -> None:
        """Past the deadline: what is required and not done decides, but for what has static data to fall back on."""
        good = all(
            not call.required or call.fallback or job.states[k] in (SUCCEEDED, FALLBACK)
            for k, call in enumerate(job.operation.calls)
        )
        self._settle(now, job, End.SUCCEEDED if good else End.EXPIRED)

    def _settle(self, now: float, job: Job, end: End) -> None:
        for k, call in enumerate(job.operation.calls):
            if job.states[k] in (WAITING, QUEUED, PARKED):
                self._stations[call.service].gone(now, job, k)
                job.states[k] = SKIPPED
            elif job.states[k] == RUNNING:  # it keeps its slot: to hang up does not stop every service
                job.states[k] = SKIPPED
        self._end(now, job, end)

    def _end(self, now: float, job: Job, end: End) -> None:
        job.ended = now
        self._owner.job_ended(now, job, end)
