"""The job as clients read it. The one place where its JSON is made; the types are what /openapi.json shows."""

from enum import StrEnum
from functools import lru_cache
from math import ceil
from time import gmtime, strftime
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import from_json
from typing_extensions import TypedDict

from bff.broker.job import CallState, CallStatus, Job, JobStatus, Mode, Source
from bff.catalog.model import Priority
from bff.policies.polling import poll_after_seconds
from bff.wire.problem import JOB_CANCELLED, JOB_EXPIRED, JOB_FAILED, ProblemDetails

EXPIRED_RETRY_SECONDS = 5


Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


def one_of(words: type[StrEnum]) -> Any:
    return Field(json_schema_extra={"enum": [*words]})


class Progress(TypedDict):
    done: int
    total: int


class _Call(TypedDict):
    status: Annotated[str, one_of(CallStatus)]
    source: Annotated[str, one_of(Source)] | None
    attempts: int
    http_status: int | None
    seconds: float | None
    error: str | None


class CallDocument(_Call, total=False):
    """`age_seconds` stands only where the data came from the cache."""

    age_seconds: float


class Links(TypedDict):
    self: str
    result: str
    events: str
    websocket: str
    page: str


class JobOutline(TypedDict):
    """A job without its result."""

    id: Id
    operation: str
    status: Annotated[str, one_of(JobStatus)]
    mode: Annotated[str, one_of(Mode)]
    priority: Annotated[str, one_of(Priority)]
    submitted_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    deadline: Instant
    expires_at: Instant | None
    progress: Progress
    approximate_position: int | None
    estimated_seconds: float | None
    poll_after_seconds: float | None
    partial: bool
    degraded: bool
    calls: dict[str, CallDocument]
    error: dict[str, Any] | None
    links: Links


class JobDocument(JobOutline):
    result: dict[str, Any] | None


def document_of(job: Job) -> JobDocument:
    """The whole job."""
    return {**outline_of(job), "result": result_of(job) if job.outcomes else None}


def outline_of(job: Job) -> JobOutline:
    """Without its result, which is its client's alone. Words as `str`: to write a member of an enum takes 2 µs."""
    pending = not job.status.terminal
    graph = job.graph
    error = error_of(job)
    return {
        "id": job.id,
        "operation": job.operation,
        "status": str(job.status),
        "mode": str(job.mode),
        "priority": str(job.priority),
        "submitted_at": timestamp(job.submitted_ms),
        "started_at": _timestamp(job.started_ms),
        "finished_at": _timestamp(job.finished_ms),
        "deadline": timestamp(job.deadline_ms),
        "expires_at": _timestamp(job.expires_ms),
        "progress": {"done": sum([not call.status.open for call in graph]), "total": len(graph)},
        "approximate_position": job.position if pending and job.position >= 0 else None,
        "estimated_seconds": round(job.expected_ms / 1000, 1) if pending else None,
        "poll_after_seconds": poll_seconds(job) if pending else None,
        "partial": job.partial,
        "degraded": job.degraded,
        "calls": {call.name: _call_document(call) for call in job.calls},
        "error": None if error is None else error.document(f"/v1/jobs/{job.id}", job.id),
        "links": links(job.id),
    }


def result_of(job: Job) -> dict[str, Any]:
    """`{call: data}` of the calls that have data."""
    return {call.name: from_json(job.outcomes[call.name]) for call in job.graph if call.name in job.outcomes}


def error_of(job: Job) -> ProblemDetails | None:
    """Why a job that has ended did not succeed; None where it did, or has not ended."""
    match job.status:
        case JobStatus.FAILED:
            return _failed(job)
        case JobStatus.EXPIRED:
            ran = "was not done in time" if job.started_ms else "never ran"
            detail = f"High volume: the job {ran}. Please retry."
            return ProblemDetails(type=JOB_EXPIRED, detail=detail, retry_after=EXPIRED_RETRY_SECONDS)
        case JobStatus.CANCELLED:
            return ProblemDetails(type=JOB_CANCELLED, detail="The job was cancelled at the client's request.")
        case _:
            return None


def _failed(job: Job) -> ProblemDetails:
    call = next((call for call in job.graph if call.name == job.blame), None)
    if call is None:
        return ProblemDetails(type=JOB_FAILED, detail="A required call failed.")
    why = f"the service answered {call.http_status}" if call.error == "http-status" else str(call.error)
    members = {"call": call.name, "reason": call.error}
    return ProblemDetails(type=JOB_FAILED, detail=f"The required call {call.name!r} failed: {why}.", members=members)


def poll_seconds(job: Job) -> float:
    """How soon a client that polls should come back."""
    return poll_after_seconds((job.now_ms - job.submitted_ms) / 1000, job.expected_ms / 1000)


def poll_headers(job: Job) -> dict[str, str]:
    """Retry-After, in whole seconds, while the job has not ended."""
    return {} if job.status.terminal else {"Retry-After": str(ceil(poll_seconds(job)))}


def links(job_id: str) -> Links:
    path = f"/v1/jobs/{job_id}"
    return {
        "self": path,
        "result": f"{path}/result",
        "events": f"{path}/events",
        "websocket": "/v1/ws",
        "page": f"/jobs/{job_id}",
    }


@lru_cache(maxsize=1024)  # jobs that were accepted together have theirs in common
def timestamp(milliseconds: int) -> str:
    """RFC 3339, UTC, with milliseconds."""
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Jobs of one moment have theirs in common."""
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))


def _timestamp(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)


def _call_document(call: CallState) -> CallDocument:
    document: CallDocument = {
        "status": str(call.status),
        "source": None if call.source is None else str(call.source),
        "attempts": call.attempts,
        "http_status": call.http_status,
        "seconds": None if call.milliseconds is None else call.milliseconds / 1000,
        "error": call.error,
    }
    if call.age_ms is not None:
        document["age_seconds"] = call.age_ms / 1000
    return document
