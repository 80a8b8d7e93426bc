"""A driven run simulated again: the same arrivals, and what its calls met in place of what was stated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from statistics import fmean

from scenario.comparison.observed import Observed
from scenario.model import Pattern
from scenario.result import End, Figures, Source
from scenario.stage import Stage
from scenario.tally import Requests, figures
from simulator.engine.inputs import Inputs, inputs_of
from simulator.engine.plan import Plan, plan_of
from simulator.replications import played


def replayed(stage: Stage, observed: Observed) -> list[Figures]:
    """Of each replication: all have the arrivals of the first, which are the driven run's, and what was not observed
    by a chance of their own.
    """
    plan = plan_of(_slowed(stage, observed))
    return [_once(plan, observed, number) for number in range(stage.scenario.replications)]


def _slowed(stage: Stage, observed: Observed) -> Stage:
    """A slot of the bottleneck is held for the call, and until the next one is there."""
    if not observed.calls:
        return stage
    held = observed.mean_service_seconds + observed.turnaround_seconds
    service = stage.bottleneck
    slower = replace(service, time=service.time.model_copy(update={"mean_seconds": held}))
    return replace(stage, services={**stage.services, service.name: slower})


def _once(plan: Plan, observed: Observed, replication: int) -> Figures:
    inputs = _with_service_times(plan, inputs_of(plan, replication, timetable=0), observed)
    late = _Late.by(observed, len(inputs.at))
    requests, run = played(plan, late.inputs(inputs))
    shifted = _shifted(plan, inputs, late.requests(requests, inputs), observed)
    return figures(plan.stage.scenario, Source.SIMULATION, shifted, run)


def _with_service_times(plan: Plan, inputs: Inputs, observed: Observed) -> Inputs:
    """Each call that was made takes what it took."""
    if not observed.service_seconds:
        return inputs
    calls, seconds = _calls(plan), [list(column) for column in inputs.seconds]
    for request, (part, took) in enumerate(zip(inputs.part, observed.service_seconds, strict=True)):
        if (k := calls[part]) is not None and not isnan(took):
            seconds[k][request] = took + observed.turnaround_seconds
    return replace(inputs, seconds=seconds)


def _calls(plan: Plan) -> list[int | None]:
    """By part of the mix: which of its calls is the bottleneck's."""
    return [
        next((k for k, call in enumerate(operation.calls) if call.service == plan.bottleneck), None)
        for operation, _ in plan.parts
    ]


@dataclass(frozen=True, slots=True)
class _Late:
    """`by_seconds`: how much later than they were sent requests reach the queue. Some overtake others."""

    by_seconds: Sequence[float]

    @classmethod
    def by(cls, observed: Observed, count: int) -> "_Late":
        usual = observed.median_accept_seconds
        return cls([usual if isnan(each) else each for each in observed.accept_seconds] or [0.0] * count)

    def _order(self, at: Sequence[float]) -> list[int]:
        return sorted(range(len(at)), key=lambda request: at[request] + self.by_seconds[request])

    def inputs(self, sent: Inputs) -> Inputs:
        order = self._order(sent.at)
        return replace(
            sent,
            at=[sent.at[request] + self.by_seconds[request] for request in order],
            part=[sent.part[request] for request in order],
            seconds=[[column[request] for request in order] for column in sent.seconds],
        )

    def requests(self, came: Requests, sent: Inputs) -> Requests:
        """As they were sent, all times from then on."""
        number = {request: place for place, request in enumerate(self._order(sent.at))}
        places, late = [number[request] for request in range(len(sent.at))], self.by_seconds

        def since_sent(column: Sequence[float]) -> list[float]:
            return [column[place] + late[request] for request, place in enumerate(places)]

        return Requests(
            at=list(sent.at),
            part=list(sent.part),
            end=[came.end[place] for place in places],
            accept=since_sent(came.accept),
            wait=[came.wait[place] for place in places],
            result=since_sent(came.result),
            told=since_sent(came.told),
        )


def _shifted(plan: Plan, inputs: Inputs, requests: Requests, observed: Observed) -> Requests:
    """By the way between calls. Who waits for a slot waits until it has been turned around."""
    beside = _more_beside(plan, inputs, requests, observed)
    return replace(
        requests,
        wait=[seconds + observed.turnaround_seconds if seconds else seconds for seconds in requests.wait],
        result=[seconds + beside[part] for part, seconds in zip(requests.part, requests.result, strict=True)],
        told=[seconds + beside[part] for part, seconds in zip(requests.part, requests.told, strict=True)],
    )


def _more_beside(plan: Plan, inputs: Inputs, requests: Requests, observed: Observed) -> list[float]:
    """By part: what was observed, less what is simulated already, of what succeeded at the first attempt."""
    if not observed.beside_seconds:
        return [0.0] * len(plan.parts)
    own: list[list[float]] = [[] for _ in plan.parts]
    calls, late = _calls(plan), _Late.by(observed, len(requests.at)).by_seconds
    synchronous = plan.stage.scenario.pattern is Pattern.SYNC
    for request, (part, end) in enumerate(zip(requests.part, requests.end, strict=True)):
        if end is End.SUCCEEDED and (synchronous or requests.accept[request] <= late[request]):
            k, wait = calls[part], requests.wait[request]
            call = 0.0 if k is None else inputs.seconds[k][request]
            own[part].append(requests.result[request] - late[request] - call - (0.0 if isnan(wait) else wait))
    return [
        0.0 if isnan(seen) or not simulated else seen - fmean(simulated)
        for seen, simulated in zip(observed.beside_seconds, own, strict=True)
    ]
