"""Any client's job by its id: how it stands, and what happened to it where. Neither its parameters nor its results."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.job import Job
from bff.broker.job_id import is_job_id
from bff.broker.timeline import Event, What
from bff.wire.document import Instant, JobOutline, one_of, outline_of, timestamp
from gateway import problems
from gateway.admin.answer import REFUSED, answer, for_operator
from gateway.gateway import Gateway
from gateway.ownership import unknown
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/jobs", tags=["Operators"])


class EventDocument(TypedDict):
    """What does not belong to an event is null. `seconds` is how long a call took, `retry_seconds` until it is tried
    again, `queued_seconds` how long it waited for a worker; `by` is the process that did it.
    """

    at: Instant
    event: Annotated[str, one_of(What)]
    call: str | None
    by: str | None
    attempt: int | None
    lane: str | None
    status: str | None
    http_status: int | None
    seconds: float | None
    queued_seconds: float | None
    retry_seconds: float | None
    source: str | None
    error: str | None


class OperatorsJob(TypedDict):
    client: str
    job: JobOutline
    timeline: list[EventDocument]


@router.get(
    "/{job_id}",
    operation_id="read_any_job",
    summary="Any client's job, and its timeline across gateways and workers",
    responses=described(OperatorsJob, {}, *REFUSED, problems.UNKNOWN_JOB, problems.JOB_GONE),
)
async def read_any_job(request: Request, job_id: Annotated[str, Path(description="The correlation id.")]) -> Response:
    gateway = await for_operator(request)
    job, events = await job_and_timeline(gateway, job_id)
    return answer(job_document(job, events))


async def job_and_timeline(gateway: Gateway, job_id: str) -> tuple[Job, list[Event]]:
    """Raises Problem `unknown-job`, `job-gone`; BrokerUnavailable."""
    job = await gateway.broker.jobs.read(job_id) if is_job_id(job_id) else None
    if job is None:
        raise unknown(gateway, job_id, "No job has this id.")
    return job, await gateway.broker.jobs.timeline(job_id)


def job_document(job: Job, events: list[Event]) -> OperatorsJob:
    return {
        "client": job.client,
        "job": outline_of(job),
        "timeline": [_event(event, job.submitted_ms) for event in events],
    }


def _event(event: Event, submitted_ms: int) -> EventDocument:
    return {
        "at": timestamp(submitted_ms + event.after_ms),
        "event": event.what,
        "call": event.call,
        "by": event.by,
        "attempt": event.attempt,
        "lane": event.lane,
        "status": event.status,
        "http_status": event.http_status,
        "seconds": _seconds(event.milliseconds),
        "queued_seconds": _seconds(event.queued_ms),
        "retry_seconds": _seconds(event.delay_ms),
        "source": event.source,
        "error": event.error,
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
