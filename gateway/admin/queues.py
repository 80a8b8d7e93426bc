"""How the lanes stand: what waits, for how long already, and for how long a newcomer would."""

from collections.abc import Mapping
from math import ceil
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.survey import ServiceState, survey
from bff.catalog.catalog import Catalog
from bff.catalog.model import Priority
from bff.policies.admission import SHED_ABOVE_PER_MILLE
from bff.wire.document import one_of
from gateway.admin.answer import REFUSED, answer, for_operator
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/queues", tags=["Operators"])


class LaneDocument(TypedDict):
    """`depth` is booked places, of `bound` that this priority may fill. From `shed_at` places taken in all lanes on it
    is turned away; null: by its own bound alone. `predicted_wait_seconds` null: nobody can tell, the service is paused
    until it is resumed.
    """

    priority: Annotated[str, one_of(Priority)]
    depth: int
    bound: int
    oldest_seconds: float
    predicted_wait_seconds: float | None
    shed_at: int | None
    shedding: bool
    expired: int


class QueueDocument(TypedDict):
    """Of one service. `parked` calls wait for their next attempt, `again` entries were begun before and go first."""

    service: str
    depth: int
    capacity: int
    in_flight: int
    parked: int
    again: int
    lanes: list[LaneDocument]


class Queues(TypedDict):
    queues: list[QueueDocument]


@router.get("", operation_id="read_queues", summary="How the lanes stand", responses=described(Queues, {}, *REFUSED))
async def read_queues(request: Request) -> Response:
    gateway = await for_operator(request)
    return answer({"queues": queues_of(gateway.catalog, await survey(gateway.broker.cell))})


def queues_of(catalog: Catalog, states: Mapping[str, ServiceState]) -> list[QueueDocument]:
    return [_queue(name, state, catalog.services[name].bounds) for name, state in states.items()]


def _queue(service: str, state: ServiceState, bounds: Mapping[Priority, int]) -> QueueDocument:
    return {
        "service": service,
        "depth": sum(state.depth.values()),
        "capacity": state.capacity,
        "in_flight": state.in_flight,
        "parked": state.standing.parked,
        "again": state.standing.again,
        "lanes": [_lane(priority, state, bounds[priority]) for priority in Priority],
    }


def _lane(priority: Priority, state: ServiceState, bound: int) -> LaneDocument:
    shed_at = ceil(state.capacity * SHED_ABOVE_PER_MILLE[priority] / 1000)
    sheds = shed_at <= state.capacity
    pause = state.standing.pause
    endless = pause is not None and pause.until_ms is None
    return {
        "priority": priority,
        "depth": state.depth[priority],
        "bound": bound,
        "oldest_seconds": state.oldest_seconds[priority],
        "predicted_wait_seconds": None if endless else state.wait_seconds[priority],
        "shed_at": shed_at if sheds else None,
        "shedding": sheds and sum(state.depth.values()) >= shed_at,
        "expired": state.expired[priority],
    }
