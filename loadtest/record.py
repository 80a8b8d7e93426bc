"""What became of each arrival, in columns: there may be many."""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan, nan

from loadtest.client.attempt import Tried
from loadtest.client.ended import Ended
from scenario.result import End
from scenario.tally import Requests


def _doubles() -> "array[float]":
    return array("d")


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An attempt that got a job whose end its client does not know. Instants in seconds from the start of the run.

    `last`: its arrival made no other. `end_at`: by then the job must have ended.
    """

    at: float
    part: int
    end: End
    last: bool
    accepted_at: float
    end_at: float
    job_id: str
    credentials: Mapping[str, str]


@dataclass(slots=True)
class Record:
    """Of a run; all instants in seconds from its start.

    Of each attempt that got a job: `accepted_at`; of those whose end is known: `booked_at` and `started_at`, between
    which it had a place before the bottleneck, and `ended_at` by `end`. Of each of these that was started there:
    `queued_at`, when it could have been, `busy_from` and `busy_for` (s); of each that was not: `in_vain_from`, when it
    could have been, and `in_vain_to`.
    """

    requests: Requests = field(default_factory=Requests)
    busy: "array[float]" = field(default_factory=_doubles)
    """Of each of `requests`, its last attempt's own time in the bottleneck; nan where it is not known."""
    accepted_at: "array[float]" = field(default_factory=_doubles)
    rejected_at: "array[float]" = field(default_factory=_doubles)
    booked_at: "array[float]" = field(default_factory=_doubles)
    started_at: "array[float]" = field(default_factory=_doubles)
    queued_at: "array[float]" = field(default_factory=_doubles)
    busy_from: "array[float]" = field(default_factory=_doubles)
    busy_for: "array[float]" = field(default_factory=_doubles)
    in_vain_from: "array[float]" = field(default_factory=_doubles)
    in_vain_to: "array[float]" = field(default_factory=_doubles)
    ended_at: "dict[End, array[float]]" = field(default_factory=lambda: {end: _doubles() for end in End})
    sent_at: "array[float]" = field(default_factory=_doubles)
    """Of each arrival: when it was to be sent; `lag` (s) by how much later it was, `first_answer` (s) how much later
    its first attempt was answered; nan where it was not."""
    lag: "array[float]" = field(default_factory=_doubles)
    first_answer: "array[float]" = field(default_factory=_doubles)
    attempts: int = 0
    accepted: int = 0
    partial: int = 0
    lost_jobs: int = 0
    untold: int = 0
    """Jobs of which the gateway did not say, when their time was over, what had become of them."""
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    failed_by_reason: Counter[str] = field(default_factory=Counter)
    given_up: list[GivenUp] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """The end of every job that was accepted is known."""
        return sum(map(len, self.ended_at.values())) == len(self.accepted_at)

    def attempted(self, tried: Tried, start: float, *, counts: bool) -> None:
        """One attempt, whether or not another follows it; it `counts` where its arrival was not of the warm-up."""
        at = tried.answered_at - start
        if tried.ended is not None and tried.told_at == tried.answered_at:  # the answer to a synchronous request
            at -= tried.ended.span
        if tried.accepted:
            self.accepted_at.append(at)
        if tried.end is End.REJECTED:
            self.rejected_at.append(at)
        if tried.ended is not None:
            self.note_job(tried.ended, at)
        if counts:
            self._count(tried)

    def _count(self, tried: Tried) -> None:
        self.attempts += 1
        self.accepted += tried.accepted
        if tried.end is End.REJECTED:
            self.rejected_by_reason[tried.reason] += 1
        if tried.end is End.FAILED:
            self.failed_by_reason[tried.reason or "job-failed"] += 1

    def note_job(self, ended: Ended, accepted_at: float) -> None:
        self.partial += ended.partial
        self.ended_at[ended.end].append(accepted_at + ended.span)
        if not isnan(ended.booked):
            self.booked_at.append(accepted_at)
            self.started_at.append(accepted_at + ended.booked)
        if not isnan(ended.busy):
            self.queued_at.append(accepted_at + ended.booked - ended.wait)
            self.busy_from.append(accepted_at + ended.booked)
            self.busy_for.append(ended.busy)
        elif not isnan(ended.queued):
            self.in_vain_from.append(accepted_at + ended.queued)
            self.in_vain_to.append(accepted_at + ended.booked)

    def arrival(self, at: float, part: int, tried: Tried, start: float) -> None:
        """What the last attempt came to of an arrival that was to be sent `at`."""
        accept = tried.answered_at - start - at  # also where it was refused
        result, told = nan, nan
        if tried.end is End.SUCCEEDED and tried.ended is not None:
            told = tried.told_at - start - at
            result = min(told, accept + tried.ended.span)  # by two clocks: nobody is told of it before it has ended
        wait = nan if tried.ended is None else tried.ended.wait
        self.busy.append(nan if tried.ended is None else tried.ended.busy)
        self.requests.add(at, part, tried.end, accept=accept, wait=wait, result=result, told=told)

    def looked_up(self, job: GivenUp, ended: Ended | None, *, lost: bool) -> None:
        """What is known in the end of a job that was given up. None: that it has ended is not known."""
        if ended is not None:
            self.note_job(ended, job.accepted_at)
        self.lost_jobs += lost
        if job.last:
            end = End.LOST if lost else End.TIMED_OUT
            wait = nan if ended is None else ended.wait
            self.busy.append(nan if ended is None else ended.busy)
            self.requests.add(job.at, job.part, end, accept=job.accepted_at - job.at, wait=wait)
