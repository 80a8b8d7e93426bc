"""What chance brings to a run: who comes when, how long each call takes. The same for every variant of a scenario."""

from dataclasses import dataclass
from itertools import islice

from scenario.arrivals import instants, parts
from scenario.chance import Stream, drawing, stream
from simulator.engine.plan import Plan


@dataclass(frozen=True, slots=True)
class Inputs:
    """By request, in order of arrival: `at` (s) and `part` of the mix; `seconds[k]` has what its k-th call takes.

    `patience`: the longest wait for each start that a request bears, beside what the services say; None: any.
    """

    at: list[float]
    part: list[int]
    seconds: list[list[float]]
    replication: int = 0
    patience: list[float] | None = None


def inputs_of(plan: Plan, replication: int = 0, timetable: int | None = None) -> Inputs:
    """`timetable`: the replication whose arrivals come; by default its own."""
    scenario, number = plan.stage.scenario, replication if timetable is None else timetable
    at = list(instants(scenario.traffic, scenario.seed, number))
    part = list(islice(parts(scenario.traffic, scenario.seed, number), len(at)))
    return Inputs(at, part, _seconds(plan, part, replication), replication)


def _seconds(plan: Plan, part: list[int], replication: int) -> list[list[float]]:
    """Drawn in order of arrival, not of start: a variant that starts others first has the same times."""
    columns = [[0.0] * len(part) for _ in range(max(len(operation.calls) for operation, _ in plan.parts))]
    for number, service in enumerate(plan.services):
        wanted = [
            [k for k, call in enumerate(operation.calls) if call.service == number] for operation, _ in plan.parts
        ]
        draw = drawing(service.time)
        rng = stream(plan.stage.scenario.seed, Stream.SERVICES + number, replication)
        if len(wanted) == 1 and len(wanted[0]) == 1:
            columns[wanted[0][0]] = [draw(rng) for _ in part]
        elif any(wanted):
            for request, its_part in enumerate(part):
                for k in wanted[its_part]:
                    columns[k][request] = draw(rng)
    return columns
