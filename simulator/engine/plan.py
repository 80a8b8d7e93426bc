"""A stage by numbers: services, operations and calls as engines walk through them."""

from dataclasses import dataclass
from math import inf

from bff.catalog.model import Operation, Priority
from bff.policies.admission import START_MARGIN_MS, PlannedCall
from scenario.stage import Stage, StageService

PRIORITIES = tuple(Priority)
MARGIN_SECONDS = START_MARGIN_MS / 1000


@dataclass(frozen=True, slots=True)
class CallPlan:
    """`service` is an index of the stage's, `after` and `before` are of calls of the same operation.

    `rest`: seconds from its start to the end of the job along the longest required path, each call a slow one.
    `repeatable`: a worker may try it again although an attempt may have done its work.
    """

    name: str
    service: int
    after: tuple[int, ...]
    before: tuple[int, ...]
    required: bool
    fallback: bool
    inline: bool
    repeatable: bool
    rest: float


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """`timeout`: from submit to the deadline, in seconds. `planned`: its calls as admission sees them."""

    name: str
    calls: tuple[CallPlan, ...]
    timeout: float
    planned: tuple[PlannedCall, ...]
    timeout_ms: int
    is_chain: bool
    """Each call waits for the one before it, and the job for all of them; no service is called twice."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`parts`: of the mix, each with its operation and the index of its priority. `bottleneck`: of `services`."""

    stage: Stage
    services: tuple[StageService, ...]
    parts: tuple[tuple[OperationPlan, int], ...]
    bottleneck: int

    def longest_waits(self, service: int) -> list[float]:
        """By priority, in seconds; infinite where the deadline alone decides."""
        waits = self.services[service].service.max_wait_seconds
        return [waits.get(priority, inf) for priority in PRIORITIES]

    def bounds(self, service: int) -> list[int]:
        """Waiting places that each priority may fill."""
        return [self.services[service].service.bounds[priority] for priority in PRIORITIES]


def plan_of(stage: Stage) -> Plan:
    services = tuple(stage.services.values())
    numbers = {each.name: index for index, each in enumerate(services)}
    operations = {name: _operation(stage, operation, numbers) for name, operation in stage.operations.items()}
    parts = tuple((operations[part.operation], PRIORITIES.index(part.priority)) for part in stage.scenario.traffic.mix)
    return Plan(stage, services, parts, numbers[stage.bottleneck.name])


def _operation(stage: Stage, operation: Operation, numbers: dict[str, int]) -> OperationPlan:
    rests = stage.rests_seconds(operation.name)
    order = {call.name: index for index, call in enumerate(operation.calls)}
    calls = tuple(
        CallPlan(
            name=call.name,
            service=numbers[call.service],
            after=tuple(order[name] for name in call.after),
            before=tuple(order[each.name] for each in operation.calls if call.name in each.after),
            required=call.required,
            fallback=call.fallback is not None,
            inline=call.inline,
            repeatable=stage.services[call.service].service.honours_idempotency_key and not call.at_most_once,
            rest=rests[call.name],
        )
        for call in operation.calls
    )
    timeout = stage.request_timeout_seconds(operation.name)
    planned = tuple(stage.planned(operation.name))
    return OperationPlan(operation.name, calls, timeout, planned, round(timeout * 1000), _is_chain(calls))


def _is_chain(calls: tuple[CallPlan, ...]) -> bool:
    plain = all(call.required and not call.fallback and not call.inline for call in calls)
    in_line = all(call.after == ((index - 1,) if index else ()) for index, call in enumerate(calls))
    return plain and in_line and len({call.service for call in calls}) == len(calls)
