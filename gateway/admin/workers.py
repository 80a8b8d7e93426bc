"""The workers that are alive, and what each of them holds."""

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.workers import Worker, workers
from bff.wire.document import Instant, timestamp
from gateway.admin.answer import REFUSED, answer, for_operator
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/workers", tags=["Operators"])


class HeldDocument(TypedDict):
    """Calls in flight, and entries held: slots of the service."""

    busy: int
    leased: int


class WorkerDocument(TypedDict):
    """A worker that ends is `draining`; one that was not heard of for ten seconds is not listed any more."""

    worker: str
    since: Instant
    seen: Instant
    draining: bool
    services: dict[str, HeldDocument]


class Workers(TypedDict):
    workers: list[WorkerDocument]


@router.get(
    "", operation_id="read_workers", summary="The workers that are alive", responses=described(Workers, {}, *REFUSED)
)
async def read_workers(request: Request) -> Response:
    gateway = await for_operator(request)
    return answer({"workers": workers_of(await workers(gateway.broker.cell))})


def workers_of(alive: Iterable[Worker]) -> list[WorkerDocument]:
    return [
        {
            "worker": worker.name,
            "since": timestamp(worker.since_ms),
            "seen": timestamp(worker.seen_ms),
            "draining": worker.draining,
            "services": {
                name: {"busy": held.busy, "leased": held.leased} for name, held in sorted(worker.services.items())
            },
        }
        for worker in alive
    ]
