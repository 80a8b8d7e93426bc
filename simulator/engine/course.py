"""What became of jobs that were followed one by one, in columns, and the figures of it."""

from bisect import bisect_left, bisect_right
from math import ceil, inf, isinf, nan

from bff.policies.admission import Admission, Verdict
from scenario.result import End
from scenario.tally import Requests, Run
from simulator.engine.inputs import Inputs
from simulator.engine.looks import Looks
from simulator.engine.meter import Meter, meter_of
from simulator.engine.plan import PRIORITIES, Plan


class Course:
    """By number of the accepted: `who` (its request); `left[k]`, when its k-th place was given back; `queued` and
    `started` at the bottleneck, whose call is the `gate`-th; `reached`, when the last call so far ended. Infinite: it
    expired before; nan: it did not come so far.
    """

    def __init__(self, plan: Plan, inputs: Inputs) -> None:
        operation = plan.parts[0][0]
        self.plan = plan
        self.inputs = inputs
        self.calls = operation.calls
        self.timeout = operation.timeout
        self.gate = [call.service for call in operation.calls].index(plan.bottleneck)
        self.who: list[int] = []
        count = len(inputs.at)
        self.left: list[list[float]] = [[nan] * count for _ in operation.calls]
        self.queued = [nan] * count
        self.started = [nan] * count
        self.reached: list[float] = []
        self.rejected: list[int] = []
        self.expired: dict[int, float] = {}
        """When, by number."""

    def accept(self, request: int) -> int:
        self.who.append(request)
        return len(self.who) - 1

    def all_have_come(self) -> None:
        for column in (*self.left, self.queued, self.started):
            del column[len(self.who) :]

    def expire(self, number: int, k: int, at: float) -> None:
        """While its k-th call waited."""
        self.expired[number] = at
        for column in self.left[k:]:
            column[number] = at

    def bounds(self, k: int) -> list[float]:
        """Of the places that each priority may fill."""
        if self.plan.stage.scenario.queue.admission is Admission.NONE:
            return [inf] * len(PRIORITIES)
        return [float(bound) for bound in self.plan.bounds(self.calls[k].service)]

    def longest_wait(self, k: int) -> float:
        return self.plan.longest_waits(self.calls[k].service)[self.plan.parts[0][1]]

    def was_full_elsewhere(self) -> bool:
        """Whether a place was ever missing but at the bottleneck."""
        others = [k for k in range(len(self.calls)) if k != self.gate]
        return any(
            _most(*self._places(k, priority)) > bound
            for k in others
            for priority, bound in enumerate(self.bounds(k))
            if not isinf(bound)
        )

    def _places(self, k: int, priority: int | None) -> tuple[list[float], list[float]]:
        """When places were booked, and given back; of one priority, or all."""
        at, part = self.inputs.at, self.inputs.part
        ours = [
            number
            for number, request in enumerate(self.who)
            if priority is None or self.plan.parts[part[request]][1] == priority
        ]
        return [at[self.who[number]] for number in ours], sorted(self.left[k][number] for number in ours)

    def requests(self) -> Requests:
        inputs, clients = self.inputs, self.plan.stage.scenario.clients
        count, looks = len(inputs.at), Looks(clients)
        end, accept = [End.REJECTED] * count, [0.0] * count
        wait, result, told = [nan] * count, [nan] * count, [nan] * count
        for number, request in enumerate(self.who):
            at, ended = inputs.at[request], self.reached[number]
            good, gives_up = not isinf(ended), at + clients.timeout_seconds
            if not isinf(self.started[number]):
                wait[request] = self.started[number] - self.queued[number]
            if good and ended <= gives_up:
                end[request], result[request] = End.SUCCEEDED, ended - at
                told[request] = min(gives_up, at + looks.told(ended - at)) - at
            elif good or self.expired[number] >= gives_up:
                end[request] = End.TIMED_OUT
            else:
                end[request] = End.EXPIRED
        return Requests(inputs.at, inputs.part, end, accept, wait, result, told)

    def run(self) -> Run:
        meter, at = meter_of(self.plan), self.inputs.at
        looks = Looks(self.plan.stage.scenario.clients)
        over = [self.expired.get(number, ended) for number, ended in enumerate(self.reached)]
        warm = bisect_left(at, meter.warm)
        meter.attempts = len(at) - warm
        meter.accepted = len(self.who) - bisect_left(self.who, warm)
        refused = len(self.rejected) - bisect_left(self.rejected, warm)
        if refused:
            meter.rejected_by_reason[str(Verdict.QUEUE_FULL)] = refused
        meter.arrived_at = at
        meter.accepted_at = [at[request] for request in self.who]
        meter.rejected_at = [at[request] for request in self.rejected]
        meter.served_at = [ended for ended in self.reached if not isinf(ended)]
        meter.expired_at = sorted(self.expired.values())
        meter.polls = sum(
            looks.polls(ended - at[request]) for request, ended in zip(self.who, over, strict=True) if request >= warm
        )
        self._measure(meter, max(over, default=0.0))
        return meter.run()

    def _measure(self, meter: Meter, last: float) -> None:
        """What is seen at the bottleneck."""
        booked, given_back = self._places(self.gate, None)
        meter.peak = _most(booked, given_back)
        takes = self.inputs.seconds[self.gate]
        for request, start in zip(self.who, self.started, strict=True):
            if start < inf:
                meter.worked(start, start + takes[request])
        waits = [
            (queued, left)
            for queued, left in zip(self.queued, self.left[self.gate], strict=True)
            if left > queued  # not nan either
        ]
        self._empties(meter, waits)
        first = 0
        for second in range(1, max(1, ceil(max(meter.sent, last))) + 1):
            while first < len(waits) and waits[first][1] <= second:
                first += 1
            waiting = first < len(waits) and waits[first][0] <= second
            depth = bisect_left(booked, second) - bisect_right(given_back, second)
            meter.looked(depth, second - waits[first][0] if waiting else 0.0)

    def _empties(self, meter: Meter, waits: list[tuple[float, float]]) -> None:
        if meter.calm_from is None:
            return
        calm = meter.calm_from
        for queued, left in waits:
            if left > calm:
                if queued > calm:
                    break
                calm = left
        meter.emptied_at = calm


def _most(booked: list[float], given_back: list[float]) -> int:
    """Places taken at once at most. Both ascend; one that is given back at an instant can be booked at it."""
    most = gone = 0
    for taken, at in enumerate(booked):
        while gone < len(given_back) and given_back[gone] <= at:
            gone += 1
        most = max(most, taken + 1 - gone)
    return most
