"""The bottleneck alone, first come, first served: who comes when decides when each starts, one arrival after the other.

Exact for one priority and one bottleneck (Kiefer and Wolfowitz, 1955), with waiting places, TTL, a rate, and clients
that give up and come again; a hundred times quicker than events. What stands before and after it takes its expected
time.
"""

from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heappop, heappush, heapreplace
from itertools import islice
from math import inf, nan

from bff.policies.admission import Admission
from bff.policies.polling import retry_after_seconds
from scenario.arrivals import instants, parts
from scenario.chance import Stream, drawing, stream
from scenario.model import ServiceTime, Traffic
from scenario.patience import retry_seconds
from scenario.result import End
from simulator.planner.case import Case, Part


@dataclass(slots=True)
class Outturn:
    """Of one run: `ends` counts what was sent after the warm-up, `results` (s) are of what succeeded. Instants in
    seconds from the start of the run, nan: it did not happen. `attempts`: requests in all, repetitions too.
    """

    ends: dict[End, int] = field(default_factory=lambda: dict.fromkeys(End, 0))
    results: list[float] = field(default_factory=list)
    attempts: int = 0
    peak: int = 0
    first_rejection_at: float = nan
    first_expiry_at: float = nan
    emptied_at: float = nan


@lru_cache(maxsize=8)
def _coming(traffic: Traffic, seed: int, replication: int) -> tuple[list[float], list[int]]:
    """Instants and parts of the mix."""
    at = list(instants(traffic, seed, replication))
    return at, list(islice(parts(traffic, seed, replication), len(at)))


class _Draws:
    """Service times of a mean of 1, as many as were asked for; longer ones are the same, drawn out."""

    def __init__(self, time: ServiceTime, number: int, seed: int, replication: int) -> None:
        self._draw = drawing(time)
        self._rng = stream(seed, Stream.SERVICES + number, replication)
        self._drawn: list[float] = []

    def first(self, count: int, mean_seconds: float) -> list[float]:
        missing = count - len(self._drawn)
        self._drawn.extend([self._draw(self._rng) for _ in range(missing)])
        return [mean_seconds * each for each in self._drawn[:count]]


_draws = lru_cache(maxsize=16)(_Draws)


def _seconds(case: Case, replication: int, count: int) -> list[float]:
    unit = case.time.model_copy(update={"mean_seconds": 1.0})
    return _draws(unit, case.number, case.seed, replication).first(count, case.time.mean_seconds)


def play(case: Case, replication: int = 0) -> Outturn:
    """Common random numbers: variants of a case meet the same arrivals and service times."""
    return _plain(case, replication) if is_plain(case) else in_full(case, replication)


def in_full(case: Case, replication: int = 0) -> Outturn:
    """Whatever is in it."""
    return _Line(case, replication).run()


def is_plain(case: Case) -> bool:
    """Who is turned away, or too late, stays away; all ask for the same, perhaps with other priorities; no rate and no
    warm-up.
    """
    ways = {(part.calls, part.before_seconds, part.after_seconds, part.patience_seconds) for part in case.parts}
    once = len(ways) == 1 and case.first.calls and not case.clients.retries
    return once and not (case.rate_per_second or case.traffic.warmup_seconds)


def _plain(case: Case, replication: int) -> Outturn:
    at, kinds = _coming(case.traffic, case.seed, replication)
    seconds = _seconds(case, replication, len(at))
    part, outturn, calm_from = case.first, Outturn(attempts=len(at)), _calm_from(case)
    patience, rooms, free = part.patience_seconds, [room(case, each) for each in case.parts], [0.0] * case.slots
    waiting: deque[float] = deque()
    left, peak = 0.0, 0
    rejected_at: list[float] = []
    expired_at: list[float] = []
    took, wait, leave = outturn.results.append, waiting.append, waiting.popleft
    for now, work, kind in zip(at, seconds, kinds, strict=True):
        start = free[0]
        if start <= now:  # a slot is free, so nobody waits
            if now >= calm_from:
                outturn.emptied_at, calm_from = max(calm_from, left), inf
            heapreplace(free, now + work)
            took(work)
            continue
        while waiting and waiting[0] <= now:
            leave()
        if not waiting and now >= calm_from:
            outturn.emptied_at, calm_from = max(calm_from, left), inf
        if len(waiting) >= rooms[kind]:
            rejected_at.append(now)
            continue
        late = start - now > patience
        left = now + patience if late else start
        wait(left)
        if len(waiting) > peak:
            peak = len(waiting)
        if late:
            expired_at.append(left)
        else:
            heapreplace(free, start + work)
            took(start - now + work)
    outturn.peak = peak
    if calm_from < inf:
        outturn.emptied_at = max(calm_from, left)
    _sum_up(outturn, case, part, rejected_at, expired_at)
    return outturn


def room(case: Case, part: Part) -> int:
    """How many may stand before a newcomer: its places, and where admission looks ahead, as many as start in time."""
    if case.admission is not Admission.FULL:
        return part.places
    return min(part.places, int(part.patience_seconds * case.capacity_per_second) + 1)


def _sum_up(outturn: Outturn, case: Case, part: Part, rejected_at: list[float], expired_at: list[float]) -> None:
    timeout, around = case.clients.timeout_seconds, part.before_seconds + part.after_seconds
    late = part.before_seconds + part.patience_seconds > timeout
    outturn.results[:] = [each + around for each in outturn.results if each + around <= timeout]
    outturn.ends[End.SUCCEEDED] = len(outturn.results)
    outturn.ends[End.REJECTED] = len(rejected_at)
    outturn.ends[End.EXPIRED] = 0 if late else len(expired_at)
    outturn.ends[End.TIMED_OUT] = outturn.attempts - sum(outturn.ends.values())
    outturn.first_rejection_at = rejected_at[0] if rejected_at else nan
    outturn.first_expiry_at = expired_at[0] if expired_at else nan


def _calm_from(case: Case) -> float:
    """From when on it counts that nobody waits: the end of the last spike; never, where there is none."""
    return max((end for _, end in case.traffic.spike_spells()), default=inf)


class _Line:
    def __init__(self, case: Case, replication: int) -> None:
        self._parts: tuple[Part, ...] = case.parts
        self._clients = case.clients
        self._at, self._part = _coming(case.traffic, case.seed, replication)
        self._draw = drawing(case.time)
        self._seconds = _seconds(case, replication, len(self._at))
        self._workers = stream(case.seed, Stream.WORKERS, replication)
        self._crowd = stream(case.seed, Stream.CLIENTS, replication)
        self._free = [0.0] * case.slots
        self._interval, self._burst = case.interval_seconds, case.burst_seconds
        self._next_at = 0.0
        self._spacing = 1 / case.capacity_per_second
        self._room = [room(case, part) for part in case.parts]
        self._waiting: deque[float] = deque()  # when each leaves the queue: to be served, or expired
        self._left_at = 0.0
        self._again: list[tuple[float, int, int]] = []
        self._warm = case.traffic.warmup_seconds
        self._calm_from = _calm_from(case)
        self._outturn = Outturn()

    def run(self) -> Outturn:
        again, attempt = self._again, self._attempt
        for request, at in enumerate(self._at):
            while again and again[0][0] <= at:
                attempt(*heappop(again))
            attempt(at, request, 1)
        while again:
            attempt(*heappop(again))
        if self._calm_from < inf and self._outturn.emptied_at != self._outturn.emptied_at:
            last = self._waiting[-1] if self._waiting else self._left_at
            self._outturn.emptied_at = max(self._calm_from, last)
        return self._outturn

    def _attempt(self, now: float, request: int, number: int) -> None:
        part, outturn = self._parts[self._part[request]], self._outturn
        outturn.attempts += self._at[request] >= self._warm
        if not part.calls:
            self._served(request, now, number, part.before_seconds + part.after_seconds)
            return
        depth = self._depth(now)
        if depth >= self._room[self._part[request]]:
            self._turned_away(request, now, number, depth)
            return
        start = max(now, self._free[0])
        if self._interval:
            start = max(start, self._next_at - self._burst)
        if start - now > part.patience_seconds:
            self._expires(request, now, number, part)
            return
        if start > now:
            self._wait_until(start)
        if self._interval:
            self._next_at = max(self._next_at, start) + self._interval
        seconds = self._seconds[request] if number == 1 else self._draw(self._workers)
        heapreplace(self._free, start + seconds)
        self._served(request, now, number, part.before_seconds + start - now + seconds + part.after_seconds)

    def _depth(self, now: float) -> int:
        waiting = self._waiting
        if waiting and waiting[0] <= now:
            while waiting and waiting[0] <= now:
                self._left_at = waiting.popleft()
        if not waiting and now >= self._calm_from and self._outturn.emptied_at != self._outturn.emptied_at:
            self._outturn.emptied_at = max(self._calm_from, self._left_at)
        return len(waiting)

    def _wait_until(self, leaves: float) -> None:
        self._waiting.append(leaves)
        if len(self._waiting) > self._outturn.peak:
            self._outturn.peak = len(self._waiting)

    def _served(self, request: int, now: float, number: int, took: float) -> None:
        if took > self._clients.timeout_seconds:
            self._given_up(request, now, number)
            return
        self._end(request, End.SUCCEEDED)
        if self._at[request] >= self._warm:
            self._outturn.results.append(now + took - self._at[request])

    def _expires(self, request: int, now: float, number: int, part: Part) -> None:
        outturn, leaves = self._outturn, now + part.patience_seconds
        self._wait_until(leaves)
        if outturn.first_expiry_at != outturn.first_expiry_at or leaves < outturn.first_expiry_at:
            outturn.first_expiry_at = leaves
        if part.before_seconds + part.patience_seconds > self._clients.timeout_seconds:
            self._given_up(request, now, number)
        else:
            self._end(request, End.EXPIRED)

    def _turned_away(self, request: int, now: float, number: int, depth: int) -> None:
        outturn = self._outturn
        if outturn.first_rejection_at != outturn.first_rejection_at:
            outturn.first_rejection_at = now
        too_many = depth - self._room[self._part[request]] + 1
        retry_after = retry_after_seconds(round(too_many * self._spacing * 1000), self._crowd.random)
        if not self._tries_again(request, now, number, retry_after):
            self._end(request, End.REJECTED)

    def _given_up(self, request: int, now: float, number: int) -> None:
        if not self._tries_again(request, now + self._clients.timeout_seconds, number, 0):
            self._end(request, End.TIMED_OUT)

    def _tries_again(self, request: int, now: float, number: int, retry_after: float) -> bool:
        clients = self._clients
        if number > clients.retries:
            return False
        pause = retry_seconds(number, retry_after, clients, self._crowd)
        heappush(self._again, (now + pause, request, number + 1))
        return True

    def _end(self, request: int, end: End) -> None:
        if self._at[request] >= self._warm:
            self._outturn.ends[end] += 1
