"""One run: every arrival becomes a client, and every client comes to an end."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from math import isnan, nan
from random import Random

from loadtest.client.attempt import ASYNCHRONOUS, Tried, Trying
from loadtest.client.ended import Reading
from loadtest.client.gateway import Gateway
from loadtest.client.requests import Requests
from loadtest.client.target import Target
from loadtest.progress import Phase, Progress
from loadtest.record import GivenUp, Record
from loadtest.sender import send_on_time
from loadtest.settling import settle
from scenario.arrivals import Arrival
from scenario.chance import Stream, stream
from scenario.patience import retry_seconds
from scenario.result import End
from scenario.stage import Stage

TOLD_SECONDS = 5.0
"""By so long after its deadline a job has ended, also where workers die and Redis restarts."""


class NotDriven(Exception):
    """One line: why there is no run."""


class Run:
    def __init__(self, stage: Stage, gateway: Gateway, target: Target, progress: Progress) -> None:
        scenario = stage.scenario
        self.record = Record()
        self.last_sent_at = 0.0
        self.busy_seconds = 0.0
        self._stage = stage
        self._clients = scenario.clients
        self._gateway = gateway
        self._progress = progress
        self._reading = Reading(stage)
        self._trying = Trying(gateway, self._reading, scenario.clients, scenario.pattern, progress)
        self._rng = stream(scenario.seed, Stream.CLIENTS)
        self._requests = Requests(stage, target, Random(scenario.seed))
        self._deadlines = [
            min(stage.request_timeout_seconds(part.operation), stage.operations[part.operation].max_timeout_seconds)
            for part in scenario.traffic.mix
        ]

    async def clients(self, arrivals: Iterable[Arrival]) -> None:
        """Until the last of them is done. Raises NotDriven; what is recorded so far stands when this is cancelled."""
        progress = self._progress
        began, end = time.process_time(), progress.start + progress.duration_seconds
        try:
            async with asyncio.TaskGroup() as clients:
                try:
                    await send_on_time(
                        arrivals, progress.start, lambda arrival: _begun(clients.create_task(self._live(arrival)))
                    )
                    await asyncio.sleep(end - time.perf_counter())
                finally:
                    self.busy_seconds = time.process_time() - began
                progress.phase = Phase.WAITING
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def settle(self, *, now: bool) -> None:
        """Look up what was given up; `now`: once, without waiting for the end of any."""
        self._progress.phase = Phase.SETTLING
        jobs = self.record.given_up
        last = 0.0 if now else max((job.end_at for job in jobs), default=0.0)
        settled = await settle(self._gateway, jobs, self._progress.start + last)
        for job in jobs:
            document = settled.ended.get(job.job_id)
            lost = job.job_id in settled.unknown or (job.job_id in settled.unended and not now)
            self.record.untold += document is None and not lost and not now
            self.record.looked_up(job, None if document is None else self._reading.ended(document), lost=lost)
            if job.last:
                self._progress.ends[job.end] -= 1
                self._progress.ends[End.LOST if lost else End.TIMED_OUT] += 1
        self._progress.phase = Phase.OVER

    async def _live(self, arrival: Arrival) -> None:
        progress, start = self._progress, self._progress.start
        progress.sent += 1
        progress.clients += 1
        try:
            await self._attempts(arrival, start + arrival.at)
        finally:
            progress.clients -= 1

    async def _attempts(self, arrival: Arrival, intended: float) -> None:
        number = self._note_lag(arrival.at, time.perf_counter() - intended)
        asked, job, attempt = self._requests.next(arrival), 1, 1
        while True:
            tried = await self._trying.attempt(asked.request(job), intended + self._clients.timeout_seconds)
            if attempt == 1:
                self.record.first_answer[number] = tried.answered_at - intended
            last = attempt > self._clients.retries or not tried.may_be_repeated
            self._note(arrival, tried, asked.credentials, last=last)
            if last:
                return
            pause = retry_seconds(attempt, tried.retry_after, self._clients, self._rng)
            intended = time.perf_counter() + pause
            await asyncio.sleep(pause)
            attempt += 1
            job += bool(tried.job_id)
            self._progress.retries += 1

    def _note_lag(self, at: float, lag: float) -> int:
        """The arrival's number in the record."""
        self.record.sent_at.append(at)
        self.record.lag.append(lag)
        self.record.first_answer.append(nan)
        self._progress.recent_lag.append(lag)
        self.last_sent_at = self._progress.at
        return len(self.record.lag) - 1

    def _note(self, arrival: Arrival, tried: Tried, credentials: Mapping[str, str], *, last: bool) -> None:
        if tried.reason == ASYNCHRONOUS:
            raise NotDriven(_not_synchronous(self._stage, arrival))
        start, progress = self._progress.start, self._progress
        warm = self._stage.scenario.traffic.warmup_seconds
        self.record.attempted(tried, start, counts=arrival.at >= warm)
        progress.accepted += tried.accepted
        if tried.end is End.REJECTED:
            progress.rejected_by_reason[tried.reason] += 1
        if tried.job_id:
            accepted_at = tried.answered_at - start
            end_at = accepted_at + self._deadlines[arrival.part] + TOLD_SECONDS
            self.record.given_up.append(
                GivenUp(arrival.at, arrival.part, tried.end, last, accepted_at, end_at, tried.job_id, credentials)
            )
        elif last:
            self.record.arrival(arrival.at, arrival.part, tried, start)
        if last:
            progress.ends[tried.end] += 1
            self._show(arrival, tried)

    def _show(self, arrival: Arrival, tried: Tried) -> None:
        intended = self._progress.start + arrival.at
        if not isnan(tried.answered_at):
            self._progress.recent_accept.append(tried.answered_at - intended)
        if tried.end is End.SUCCEEDED:
            self._progress.recent_told.append(tried.told_at - intended)


def _begun(task: "asyncio.Task[None]") -> None:
    """The group holds on to it."""


def _not_synchronous(stage: Stage, arrival: Arrival) -> str:
    operation = stage.scenario.traffic.mix[arrival.part].operation
    return (
        f"the gateway serves {operation} asynchronously, and the scenario's pattern is sync: "
        f"give --admin-key, or set it with `bff rollout set {operation} 0`"
    )
