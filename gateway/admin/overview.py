"""Everything at one look: what a WebSocket sends to operators who watch, for who polls instead."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.cell import Cell
from bff.broker.rollout import Rollout
from bff.broker.survey import dead_letters, now_ms, survey
from bff.broker.workers import workers
from bff.wire.document import Instant, timestamp
from gateway.admin.answer import REFUSED, answer, for_operator
from gateway.admin.queues import QueueDocument, queues_of
from gateway.admin.rollout import OperationShare, shares_of
from gateway.admin.services import ServiceDocument, services_of
from gateway.admin.workers import WorkerDocument, workers_of
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/overview", tags=["Operators"])


class OverviewDocument(TypedDict):
    """`dead_letters` counts all of them, also notifications that nobody took."""

    at: Instant
    queues: list[QueueDocument]
    services: list[ServiceDocument]
    workers: list[WorkerDocument]
    rollout: list[OperationShare]
    dead_letters: int


@router.get(
    "",
    operation_id="read_overview",
    summary="Queues, services, workers and rollout at one look, at most a second old",
    responses=described(OverviewDocument, {}, *REFUSED),
)
async def read_overview(request: Request) -> Response:
    gateway = await for_operator(request)
    return answer(await gateway.overview.now())


async def overview_of(cell: Cell, rollout: Rollout) -> OverviewDocument:
    """Raises BrokerUnavailable."""
    states, dead = await survey(cell), await dead_letters(cell)
    return {
        "at": timestamp(await now_ms(cell)),
        "queues": queues_of(cell.catalog, states),
        "services": services_of(cell.catalog, states, dead),
        "workers": workers_of(await workers(cell)),
        "rollout": shares_of(rollout),
        "dead_letters": sum(dead.values()),
    }
