"""What a run's own record tells of the bottleneck's slots, and of the way to them and back."""

from collections.abc import Sequence
from math import isnan, nan
from statistics import fmean

from loadtest.record import Record
from loadtest.slots import waited
from scenario.arrivals import arrivals
from scenario.comparison.observed import Observed
from scenario.model import Pattern
from scenario.result import End
from scenario.stage import Stage


def observed(stage: Stage, record: Record) -> Observed:
    """A synchronous answer is the result: there is no acceptance."""
    asynchronous, clients = stage.scenario.pattern is Pattern.ASYNC, stage.scenario.clients
    slots = stage.bottleneck.service.max_concurrency
    turns = [each.turnaround for each in waited(record, slots)]
    return Observed(
        calls=len(record.busy_for),
        mean_service_seconds=fmean(record.busy_for) if record.busy_for else 0.0,
        service_seconds=() if clients.retries else _in_order_of_arrival(stage, record.requests.at, record.busy),
        turnaround_seconds=fmean(turns) if turns else 0.0,
        accept_seconds=_in_order_of_arrival(stage, record.sent_at, record.first_answer) if asynchronous else (),
        beside_seconds=[_beside(record, part, asynchronous) for part in range(len(stage.scenario.traffic.mix))],
    )


def _in_order_of_arrival(stage: Stage, at: Sequence[float], column: Sequence[float]) -> Sequence[float]:
    known = dict(zip(at, column, strict=True))
    return [known.get(arrival.at, nan) for arrival in arrivals(stage.scenario)]


def _beside(record: Record, part: int, asynchronous: bool) -> float:
    """Of what succeeded, on average."""
    done, took = record.requests, []
    for index, (its_part, end) in enumerate(zip(done.part, done.end, strict=True)):
        if its_part == part and end is End.SUCCEEDED:
            of_others = (done.wait[index], record.busy[index], done.accept[index] if asynchronous else 0.0)
            took.append(done.result[index] - sum(seconds for seconds in of_others if not isnan(seconds)))
    return fmean(took) if took else nan
