"""One service in a simulation: its slots, its rate, its lanes, its breaker; and the calls that it is at work on."""

from collections.abc import Callable
from math import inf
from random import Random
from typing import Protocol

from bff.policies.admission import Admission
from bff.policies.backoff import delay_ms
from bff.policies.breaker import PROBES
from bff.policies.pace import burst_us, interval_us
from scenario.chance import drawing
from scenario.model import Discipline, Pattern
from simulator.engine.agenda import ENDS, EXPIRES, STARTS, Agenda
from simulator.engine.health import Health, RetryBudget, Times
from simulator.engine.inputs import Inputs
from simulator.engine.job import EXPIRED, FAILED, PARKED, QUEUED, RUNNING, SUCCEEDED, Job
from simulator.engine.lanes import AGAIN, Entry, Lanes
from simulator.engine.meter import Meter
from simulator.engine.newcomers import Newcomers
from simulator.engine.plan import MARGIN_SECONDS, PRIORITIES, Plan


class Graph(Protocol):
    """Whoever goes on with a job when one of its calls has ended, in whichever way."""

    def ended(self, now: float, job: Job, k: int, state: int) -> None: ...


class Station:
    """`booked`: waiting places taken, by priority; by synchronous jobs, which wait in their gateway, while they wait
    for a slot. `queued`: what waits in its lanes and is alive. `running`: slots busy.

    `meter`: where this is the bottleneck, whose figures are kept.
    """

    def __init__(
        self, plan: Plan, number: int, agenda: Agenda, inputs: Inputs, chance: Random, meter: Meter | None
    ) -> None:
        stage_service = plan.services[number]
        scenario, service = plan.stage.scenario, stage_service.service
        self.service = service
        self.graph: Graph
        self.booked = [0] * len(PRIORITIES)
        self.bounds = plan.bounds(number)
        self.queued = 0
        self.running = 0
        self.health = Health(service)
        self._times = Times(service) if scenario.queue.admission is Admission.FULL else None
        self._newcomers = Newcomers()
        self._one_priority = len(scenario.traffic.priorities) == 1
        self.interval_us = interval_us(service.rate_per_second)
        self._interval = self.interval_us / 1_000_000
        self._burst = burst_us(self.interval_us) / 1_000_000
        self._next_at = 0.0
        self._wakes_at = inf
        self._slots = service.max_concurrency
        self._longest = plan.longest_waits(number)
        self.longest_ms = [round(seconds * 1000) if seconds < inf else 0 for seconds in self._longest]
        self._sync = scenario.pattern is Pattern.SYNC
        self.lanes = Lanes(Discipline.FIFO if self._sync else scenario.queue.discipline)
        self._sweeping = [False] * (AGAIN + 1)
        self._latest = [0.0] * (AGAIN + 1)
        self._budget = RetryBudget()
        self._error_rate = stage_service.error_rate
        self._draw: Callable[[Random], float] = drawing(stage_service.time)
        self._agenda = agenda
        self._inputs = inputs
        self._chance = chance
        self._meter = meter

    @property
    def spacing_us(self) -> int:
        """Between two starts with all slots busy, while the breaker is closed."""
        return max(1, self.interval_us, -(-self.service_us // self._slots))

    @property
    def service_us(self) -> int:
        """What a call takes on average: as measured, where admission goes by that."""
        return self._times.service_us if self._times is not None else round(self.service.expected_seconds * 1_000_000)

    def slow_us(self, now: float) -> int:
        """What 95 of 100 calls do not exceed."""
        assert self._times is not None
        return self._times.slow_us(now)

    def note_time(self, now: float, took: float) -> None:
        if self._times is not None:
            self._times.note(now, took)

    def others(self, now: float, priority: int) -> int:
        """How many came to the lanes of other priorities of late."""
        return 0 if self._one_priority else self._newcomers.others(int(now * 1000), priority)

    def note_newcomer(self, now: float, priority: int) -> None:
        self._newcomers.note(int(now * 1000), priority)

    def seen(self) -> None:
        """That so many places are booked: once who came and could start at once has."""
        if self._meter is not None:
            self._meter.booked(sum(self.booked))

    def enter(self, now: float, job: Job, k: int, again: bool = False) -> None:
        """Start at once, where there is room and nobody waits; else wait in a lane, until the start-by at most."""
        call = job.operation.calls[k]
        start_by = min(job.deadline - call.rest - MARGIN_SECONDS, now + self._longest[job.priority])
        if self._inputs.patience is not None:
            start_by = min(start_by, now + self._inputs.patience[job.request])
        job.states[k] = QUEUED
        self.queued += 1
        if self._sync:
            self.booked[job.priority] += 1
        if not self.lanes.waiting and self._may_start(now) and start_by >= now:
            self._start(now, job, k, now)
            return
        if start_by <= now:
            self._leave(now, job, EXPIRED, k)
            return
        if self._meter is not None:
            self._meter.waits(now)
        lane = AGAIN if again and not self._sync else self.lanes.lane_of[job.priority]
        self._wait(lane, Entry(job, k, now, start_by))
        if not self.health.is_closed:
            self.take(now)

    def _wait(self, lane: int, entry: Entry) -> None:
        self.lanes.put(lane, entry)
        self.seen()
        if not self._sweeping[lane]:
            self._sweeping[lane] = True
            self._agenda.put(entry.start_by, EXPIRES, self._sweep, lane)
        elif entry.start_by < self._latest[lane]:  # before one that stands before it
            self._agenda.put(entry.start_by, EXPIRES, self._expire, entry)
        self._latest[lane] = max(self._latest[lane], entry.start_by)

    def take(self, now: float) -> None:
        """Start what waits, as far as there is room."""
        while self.lanes.waiting and self._may_start(now):
            entry = self.lanes.take()
            if entry is None:
                return
            self._start(now, entry.job, entry.k, entry.queued)

    def _may_start(self, now: float) -> bool:
        if self.running >= self._slots or not (self.health.is_closed or self._probes(now)):
            return False
        if self._interval and now < self._next_at - self._burst:
            self._wake(self._next_at - self._burst)
            return False
        return True

    def _probes(self, now: float) -> bool:
        """Whether another call may be in flight while the breaker is not closed."""
        if not self.health.is_half_open(now):
            self._bar(now)
            self._wake(now + self.health.open_ms(now) / 1000 + 0.001)
            return False
        return self.running < min(self._slots, PROBES)

    def _bar(self, now: float) -> None:
        """What can do without an answer of a service that is not called is ended without one."""
        for lane in range(AGAIN + 1):
            while entry := self.lanes.oldest(lane):
                call = entry.job.operation.calls[entry.k]
                if call.required and not call.fallback:
                    break
                self._leave(now, entry.job, FAILED, entry.k)

    def _wake(self, at: float) -> None:
        if at < self._wakes_at:
            self._wakes_at = at
            self._agenda.put(at, STARTS, self._awake)

    def _awake(self, now: float, _a: None, _b: None, _c: None) -> None:
        self._wakes_at = inf
        self.take(now)

    def _start(self, now: float, job: Job, k: int, queued: float) -> None:
        job.states[k] = RUNNING
        job.tries[k] += 1
        self.booked[job.priority] -= 1
        self.queued -= 1
        self.running += 1
        if self._interval:
            self._next_at = max(self._next_at, now) + self._interval
        if self._error_rate and job.tries[k] == 1:
            self._budget.earn(now)
        if job.attempt == 1 and job.tries[k] == 1:
            ends = now + self._inputs.seconds[k][job.request]
        else:
            ends = now + self._draw(self._chance)
        last = min(job.deadline, now + self.service.timeout_seconds)
        if self._meter is not None:
            job.wait = now - queued
            self._meter.worked(now, min(ends, last))
            if not self.queued:
                self._meter.emptied(now)
        if ends > last:
            self._agenda.put(last, ENDS, self._cut_off, job, k, now)
        elif self._error_rate and self._chance.random() < self._error_rate:
            self._agenda.put(ends, ENDS, self._failed, job, k, now)
        else:
            self._agenda.put(ends, ENDS, self._succeeded, job, k, now)

    def _succeeded(self, now: float, job: Job, k: int, began: float) -> None:
        self.running -= 1
        self.health.note(now, began, True)
        self.note_time(now, now - began)
        if not job.is_over:
            self.graph.ended(now, job, k, SUCCEEDED)
        if self.lanes.waiting:
            self.take(now)

    def _cut_off(self, now: float, job: Job, k: int, began: float) -> None:
        """By its time-out, or by the job's deadline: no evidence where that left it hardly the time that it takes."""
        evident = job.deadline - began >= 2 * self.service.expected_seconds
        self._gone_wrong(now, job, k, began, evident)

    def _failed(self, now: float, job: Job, k: int, began: float) -> None:
        self._gone_wrong(now, job, k, began, True)

    def _gone_wrong(self, now: float, job: Job, k: int, began: float, evident: bool) -> None:
        self.running -= 1
        if not job.is_over:
            if evident:
                self.health.note(now, began, False)
            if not self._parked(now, job, k):
                self.graph.ended(now, job, k, FAILED)
        self.take(now)

    def _parked(self, now: float, job: Job, k: int) -> bool:
        """Whether another attempt is made, once the worker has waited."""
        call, retry = job.operation.calls[k], self.service.retry
        if job.tries[k] >= retry.attempts or not call.repeatable:
            return False
        base_ms, max_ms = round(retry.base_seconds * 1000), round(retry.max_seconds * 1000)
        due = now + delay_ms(base_ms, max_ms, job.tries[k], self._chance.random) / 1000
        if due > job.deadline - call.rest - MARGIN_SECONDS or not self._budget.spend(now):
            return False
        job.states[k] = PARKED
        if not self._sync:
            self.booked[job.priority] += 1
            self.seen()
        self._agenda.put(due, STARTS, self._due, job, k)
        return True

    def _due(self, now: float, job: Job, k: int, _: None) -> None:
        if job.states[k] == PARKED:
            self.enter(now, job, k, again=True)

    def _sweep(self, now: float, lane: int, _b: None, _c: None) -> None:
        """Expire who has waited longest, and look again when the next one would be too late."""
        while (entry := self.lanes.oldest(lane)) is not None and entry.start_by <= now:
            self._leave(now, entry.job, EXPIRED, entry.k)
        self._sweeping[lane] = entry is not None
        if entry is not None:
            self._agenda.put(entry.start_by, EXPIRES, self._sweep, lane)

    def _expire(self, now: float, entry: Entry, _b: None, _c: None) -> None:
        if entry.alive:
            self._leave(now, entry.job, EXPIRED, entry.k)

    def _leave(self, now: float, job: Job, state: int, k: int) -> None:
        self.gone(now, job, k)
        self.graph.ended(now, job, k, state)

    def gone(self, now: float, job: Job, k: int) -> None:
        """An open call gives its place back."""
        queued = job.states[k] == QUEUED
        if queued or not self._sync:
            self.booked[job.priority] -= 1
        if queued:
            self.queued -= 1
            if self._meter is not None and not self.queued:
                self._meter.emptied(now)
        job.states[k] = FAILED
