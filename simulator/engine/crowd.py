"""The clients of a simulation: they ask, wait, give up, try again."""

from dataclasses import dataclass
from math import inf, nan
from random import Random

from scenario.model import Clients, Pattern
from scenario.patience import retry_seconds
from scenario.result import End
from scenario.tally import Requests
from simulator.engine.agenda import CLIENTS, Agenda
from simulator.engine.door import Answer, Door
from simulator.engine.graph import Jobs
from simulator.engine.inline import Inline
from simulator.engine.inputs import Inputs
from simulator.engine.job import Job
from simulator.engine.looks import Looks
from simulator.engine.meter import Meter
from simulator.engine.plan import Plan

NONE_DONE: frozenset[int] = frozenset()


@dataclass(slots=True)
class RetryBudget:
    """What all clients together may try again: `share` of the first attempts; what is not used adds up to `most`."""

    share: float = inf
    most: float = 10.0
    tokens: float = 0.0

    def earn(self) -> None:
        self.tokens = min(self.most, self.tokens + self.share)

    def spend(self) -> bool:
        if self.share == inf:
            return True
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Crowd:
    """`open`: requests that have not ended, and jobs that go on although their client has left."""

    def __init__(
        self,
        plan: Plan,
        inputs: Inputs,
        agenda: Agenda,
        door: Door,
        inline: Inline,
        meter: Meter,
        chance: Random,
        budget: RetryBudget,
    ) -> None:
        scenario = plan.stage.scenario
        count = len(inputs.at)
        self.jobs: Jobs
        self.open = 0
        self._sync = scenario.pattern is Pattern.SYNC
        self._parts = plan.parts
        self._clients: Clients = scenario.clients
        self._watched = scenario.clients.retries > 0 or scenario.clients.cancels
        self._looks = Looks(scenario.clients)
        inlined = any(call.inline for operation, _ in plan.parts for call in operation.calls)
        self._has_inline = inlined and not self._sync
        self._inputs = inputs
        self._agenda = agenda
        self._door = door
        self._inline = inline
        self._meter = meter
        self._chance = chance
        self._budget = budget
        self._end: list[End | None] = [None] * count
        self._accept = [nan] * count
        self._wait = [nan] * count
        self._result = [nan] * count
        self._told = [nan] * count

    def arrive(self, now: float, request: int) -> None:
        self.open += 1
        self._budget.earn()
        self._attempt(now, request, 1, None)

    def requests(self) -> Requests:
        ends = [end for end in self._end if end is not None]
        assert len(ends) == len(self._end), "every request has an end"
        inputs = self._inputs
        return Requests(inputs.at, inputs.part, ends, self._accept, self._wait, self._result, self._told)

    def _counts(self, request: int) -> bool:
        return self._inputs.at[request] >= self._meter.warm

    def _attempt(self, now: float, request: int, attempt: int, _: None) -> None:
        self._meter.arrived_at.append(now)
        if self._counts(request):
            self._meter.attempts += 1
        operation, priority = self._parts[self._inputs.part[request]]
        job = Job(request, attempt, operation, priority, now)
        if self._has_inline:
            seconds, done = self._inline.make(now, operation, request)
            if seconds:
                self._agenda.put(now + seconds, CLIENTS, self._submit, job, done)
                return
        self._submit(now, job, NONE_DONE, None)

    def _submit(self, now: float, job: Job, done: frozenset[int], _: None) -> None:
        answer = self._door.answer(now, job, done)
        if answer.reason:
            self._turned_away(now, job, answer)
            return
        meter, request = self._meter, job.request
        meter.accepted_at.append(now)
        if self._counts(request):
            meter.accepted += 1
        sent = job.submitted
        if now > sent:  # there were inline calls to make
            job.submitted, job.deadline = now, now + job.operation.timeout
        job.gives_up = sent + self._clients.timeout_seconds
        self._accept[request] = nan if self._sync else now - self._inputs.at[request]
        self._result[request] = self._told[request] = nan
        self.open += 1
        if self._sync:
            self._door.held[job.operation.name] += 1
        if self._watched:
            self._agenda.put(job.gives_up, CLIENTS, self._give_up, job)
        self.jobs.submit(now, job, answer.without, done)

    def _turned_away(self, now: float, job: Job, answer: Answer) -> None:
        meter, request = self._meter, job.request
        meter.rejected_at.append(now)
        if self._counts(request):
            meter.rejected_by_reason[str(answer.reason)] += 1
        self._accept[request] = now - self._inputs.at[request]
        self._wait[request] = nan
        if not self._again(now, job, answer.retry_after):
            self._ends(request, End.REJECTED)

    def _give_up(self, now: float, job: Job, _b: None, _c: None) -> None:
        if job.is_over:
            return
        job.left = True
        self._polled(job, now)
        if not self._again(now, job, 0.0):
            self._ends(job.request, End.TIMED_OUT)
        if self._clients.cancels:
            self.jobs.cancel(now, job)

    def _again(self, now: float, job: Job, retry_after: float) -> bool:
        """Whether it tries again, in a while."""
        clients = self._clients
        if job.attempt > clients.retries or not self._budget.spend():
            return False
        pause = retry_seconds(job.attempt, retry_after, clients, self._chance)
        self._agenda.put(now + pause, CLIENTS, self._attempt, job.request, job.attempt + 1)
        return True

    def job_ended(self, now: float, job: Job, end: End) -> None:
        self.open -= 1
        if self._sync:
            self._door.held[job.operation.name] -= 1
        if end is End.SUCCEEDED:
            self._meter.served_at.append(now)
        elif end is End.EXPIRED:
            self._meter.expired_at.append(now)
        if job.left:
            return
        self._polled(job, now)
        request, in_time = job.request, now < job.gives_up or (now == job.gives_up and end is End.SUCCEEDED)
        self._wait[request] = job.wait
        if in_time and self._sync:
            self._accept[request] = now - self._inputs.at[request]
        if in_time and end is End.SUCCEEDED:
            at = self._inputs.at[request]
            self._result[request] = now - at
            told = now if self._sync else min(job.gives_up, job.submitted + self._looks.told(now - job.submitted))
            self._told[request] = told - at
        self._ends(request, end if in_time else End.TIMED_OUT)

    def _polled(self, job: Job, until: float) -> None:
        if not self._sync and self._counts(job.request):
            self._meter.polls += self._looks.polls(until - job.submitted)

    def _ends(self, request: int, end: End) -> None:
        self._end[request] = end
        self.open -= 1
