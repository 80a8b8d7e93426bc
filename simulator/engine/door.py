"""Whether a simulated request is let in, by `queue.admission`; a synchronous one by what its gateway holds."""

from collections import Counter
from collections.abc import Callable
from math import ceil
from random import Random
from typing import NamedTuple

from bff.policies.admission import Admission, Decision, Load, Verdict, admit
from bff.policies.polling import retry_after_seconds
from scenario.model import Pattern, Scenario
from simulator.engine.job import Job
from simulator.engine.plan import PRIORITIES, OperationPlan
from simulator.engine.prediction import predicted
from simulator.engine.station import Station

HELD_RETRY_SECONDS = 5
"""`Retry-After` of a gateway that holds all that it may."""


class Answer(NamedTuple):
    """`reason` of a refusal, or empty. `without`: the calls of an accepted job that get no place."""

    reason: str = ""
    retry_after: float = 0.0
    without: frozenset[int] = frozenset()


_COME_IN = Answer()


class Door:
    """`held`: synchronous jobs of each operation."""

    def __init__(self, scenario: Scenario, stations: list[Station], chance: Random) -> None:
        self._stations = stations
        self._chance = chance
        self._room = scenario.gateway_concurrency
        self._full = scenario.queue.admission is Admission.FULL
        self.held: Counter[str] = Counter()
        self.answer = self._answering(scenario)

    def _answering(self, scenario: Scenario) -> Callable[[float, Job, frozenset[int]], Answer]:
        if scenario.pattern is Pattern.SYNC:
            return self._by_held
        rules = {Admission.NONE: self._always, Admission.CAPACITY: self._by_capacity, Admission.FULL: self._by_load}
        return rules[scenario.queue.admission]

    def _always(self, now: float, job: Job, done: frozenset[int]) -> Answer:
        return _COME_IN

    def _by_held(self, now: float, job: Job, done: frozenset[int]) -> Answer:
        if self._full and (open_ms := self._open_ms(now, job.operation)):
            return self._refused(Verdict.DOWNSTREAM_UNAVAILABLE, open_ms)
        if self.held[job.operation.name] >= self._room:
            return Answer(Verdict.QUEUE_FULL, HELD_RETRY_SECONDS)
        return _COME_IN

    def _open_ms(self, now: float, operation: OperationPlan) -> int:
        needed = (self._stations[call.service] for call in operation.calls if call.required and not call.fallback)
        return max((station.health.open_ms(now) for station in needed if not station.health.is_closed), default=0)

    def _by_capacity(self, now: float, job: Job, done: frozenset[int]) -> Answer:
        without = []
        for k, call in enumerate(job.operation.calls):
            station = self._stations[call.service]
            if station.booked[job.priority] < station.bounds[job.priority] or k in done:
                continue
            if call.required and not call.fallback:
                return self._refused(Verdict.QUEUE_FULL, ceil(station.spacing_us / 1000))
            without.append(k)
        return Answer(without=frozenset(without)) if without else _COME_IN

    def _by_load(self, now: float, job: Job, done: frozenset[int]) -> Answer:
        operation, priority, stations = job.operation, job.priority, self._stations
        without: frozenset[int] = frozenset()
        if operation.is_chain and all(stations[call.service].health.is_closed for call in operation.calls):
            obstacle = predicted(now, stations, operation, priority)
        else:
            decided = self._decided(now, operation, priority, done)
            accepted = decided.verdict is Verdict.ACCEPTED
            obstacle = None if accepted else (decided.verdict, decided.retry_ms)
            without = frozenset(k for k, call in enumerate(operation.calls) if call.name in decided.without)
        if obstacle is not None:
            return self._refused(*obstacle)
        for k, call in enumerate(operation.calls):
            if k not in without and k not in done:
                stations[call.service].note_newcomer(now, priority)
        return Answer(without=without) if without else _COME_IN

    def _decided(self, now: float, operation: OperationPlan, priority: int, done: frozenset[int]) -> Decision:
        numbers = {each.service: call.service for each, call in zip(operation.planned, operation.calls, strict=True)}
        loads = {name: load_of(now, self._stations[number], priority) for name, number in numbers.items()}
        finished = [operation.calls[k].name for k in done]
        return admit(operation.planned, loads, PRIORITIES[priority], operation.timeout_ms, finished)

    def _refused(self, verdict: Verdict, retry_ms: int) -> Answer:
        return Answer(verdict, retry_after_seconds(retry_ms, self._chance.random))


def load_of(now: float, station: Station, priority: int) -> Load:
    """A station as admission sees it."""
    closed = station.health.is_closed
    return Load(
        waiting=dict(zip(PRIORITIES, station.booked, strict=True)),
        bound=station.bounds[priority],
        capacity=station.service.capacity,
        interval_us=station.interval_us,
        service_us=station.service_us,
        slow_us=station.slow_us(now),
        max_concurrency=station.service.max_concurrency,
        max_wait_ms=station.longest_ms[priority],
        others=station.others(now, priority),
        again=station.lanes.begun_before,
        open_ms=0 if closed else station.health.open_ms(now),
        half_open=not closed and station.health.is_half_open(now),
    )
