"""Reading and cancelling jobs."""

import time
from math import ceil
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bff.broker.job import Job
from bff.broker.job_id import is_job_id
from bff.broker.jobs import Cancellation
from bff.wire.document import JobDocument, document_of, error_of, poll_headers, result_of
from bff.wire.problem import JOB_CANCELLED, JOB_EXPIRED, JOB_FAILED
from gateway import problems
from gateway.gateway import Gateway, gateway_of
from gateway.identity import client_of
from gateway.ownership import known, own, unknown
from gateway.problems import Problem
from gateway.push.hold import held
from gateway.push.waiters import Channel
from gateway.schemas.openapi import READ_HEADERS, described
from gateway.steering import preferences_of, seconds

MAX_BATCH = 100


class ReadRoute(APIRoute):
    """FastAPI documents it; its endpoint reads headers and query by itself, as that of a submission does. See ADR 3."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.methods or scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        response = await self.endpoint(Request(scope, receive), **scope["path_params"])
        await response(scope, receive, send)


router = APIRouter(tags=["Jobs"], route_class=ReadRoute)

JobId = Annotated[str, Path(description="The correlation id.")]
Wait = Annotated[str | None, Query(description="Like `Prefer: wait=N`: hold the answer up to N seconds.")]
Prefer = Annotated[str | None, Header(description="`wait=N`: hold the answer up to N seconds, at most 30 (RFC 7240).")]
IfNoneMatch = Annotated[str | None, Header(description="The ETag last seen; with `wait`: hold until the job changes.")]

_OF_ONE_JOB = (problems.UNAUTHORIZED, problems.UNKNOWN_JOB, problems.JOB_GONE, problems.BROKER_UNAVAILABLE)

# Described by hand: FastAPI would refuse what does not fit it with an answer of its own.
_IDS = {
    "name": "id",
    "in": "query",
    "required": True,
    "description": "Correlation ids.",
    "schema": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_BATCH},
}


@router.get(
    "/v1/jobs/{job_id}",
    operation_id="read_job",
    summary="Read a job, in any state",
    responses=described(
        JobDocument,
        {304: "It has not changed"},
        *_OF_ONE_JOB,
        problems.POLL_TOO_FREQUENT,
        headers=READ_HEADERS,
    ),
)
async def read_job(
    request: Request,
    job_id: JobId,
    wait: Wait = None,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    gateway, client = gateway_of(request), await client_of(request)
    _keep_pace(gateway, job_id)
    preferences = preferences_of(request.headers, request.query_params)
    seen = _tags(request)
    if preferences.wait_seconds:
        found = None
        if is_job_id(job_id):
            found = await held(
                gateway,
                request,
                client,
                job_id,
                preferences.wait_seconds,
                (lambda job: _etag(job) not in seen) if seen else None,
            )
        job = own(gateway, await client_of(request), found, job_id)  # its key may have been taken away meanwhile
        gateway.retrieved(job, Channel.LONG_POLL)
    else:
        job = await known(gateway, client, job_id)
        gateway.retrieved(job, Channel.POLL)
    headers = _headers(job)
    if preferences.wait_seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds(preferences.wait_seconds)}"
    if seen & {_etag(job), "*"}:
        return Response(status_code=304, headers=headers)
    return Response(to_json(document_of(job)), 200, headers, "application/json")


@router.get(
    "/v1/jobs/{job_id}/result",
    operation_id="read_result",
    summary="Read a job's result alone",
    responses=described(
        dict, {202: "The job has not ended; the body is the job"}, *_OF_ONE_JOB, JOB_FAILED, JOB_EXPIRED,
        JOB_CANCELLED, problems.POLL_TOO_FREQUENT, headers=READ_HEADERS,
    ),
)  # fmt: skip
async def read_result(request: Request, job_id: JobId) -> Response:
    gateway, client = gateway_of(request), await client_of(request)
    _keep_pace(gateway, job_id)
    job = await known(gateway, client, job_id)
    gateway.retrieved(job, Channel.POLL)
    error = error_of(job)
    if error is not None:
        raise Problem(
            error.type, error.detail, members=error.members, headers=_headers(job), retry_after=error.retry_after
        )
    body = result_of(job) if job.status.terminal else document_of(job)
    return Response(to_json(body), 200 if job.status.terminal else 202, _headers(job), "application/json")


@router.get(
    "/v1/jobs",
    operation_id="read_jobs",
    summary="Read up to 100 jobs at once; unknown ones are left out",
    responses=described(
        dict[str, list[JobDocument]], {}, problems.UNAUTHORIZED, problems.INVALID_QUERY, problems.BROKER_UNAVAILABLE
    ),
    openapi_extra={"parameters": [_IDS]},
)
async def read_jobs(request: Request) -> Response:
    gateway, client = gateway_of(request), await client_of(request)
    ids = request.query_params.getlist("id")
    if not 1 <= len(ids) <= MAX_BATCH:
        detail = f"The query has {len(ids)} ids; allowed: 1 to {MAX_BATCH}, as ?id=A&id=B."
        raise Problem(problems.INVALID_QUERY, detail, members={"parameter": "id"})
    found = await gateway.broker.jobs.read_many(filter(is_job_id, dict.fromkeys(ids)))
    jobs = [job for job in found if job.client == client.name]
    for job in jobs:
        gateway.retrieved(job, Channel.POLL)
    documents = [document_of(job) for job in jobs]
    return Response(to_json({"jobs": documents}), 200, {"Cache-Control": "private, no-cache"}, "application/json")


@router.delete(
    "/v1/jobs/{job_id}",
    operation_id="cancel_job",
    summary="Cancel a job; it stays readable",
    responses=described(
        JobDocument, {202: "Cancelled; a call in flight is being aborted, and undone where it had an effect"},
        *_OF_ONE_JOB, problems.JOB_NOT_CANCELLABLE, headers=READ_HEADERS,
    ),
)  # fmt: skip
async def cancel_job(request: Request, job_id: JobId) -> Response:
    gateway, client = gateway_of(request), await client_of(request)
    if not is_job_id(job_id):
        raise unknown(gateway, job_id)
    became, ended = await gateway.broker.jobs.cancel(job_id, client.name)
    gateway.metrics.ended(ended)
    job = await known(gateway, client, job_id)
    gateway.claim(job)
    if became is Cancellation.FINISHED:
        raise Problem(
            problems.JOB_NOT_CANCELLABLE,
            f"The job has ended: {job.status}.",
            members={"job_status": job.status},
            headers=_headers(job),
        )
    status = 202 if became is Cancellation.IN_FLIGHT else 200
    return Response(to_json(document_of(job)), status, _headers(job), "application/json")


def _keep_pace(gateway: Gateway, job_id: str) -> None:
    if not is_job_id(job_id):  # of any length: not to be remembered
        return
    wait_seconds = gateway.pace.wait_seconds(job_id, time.monotonic())
    if wait_seconds:
        detail = "This job is polled far more often than poll_after_seconds says."
        raise Problem(problems.POLL_TOO_FREQUENT, detail, retry_after=max(1, ceil(wait_seconds)))


def _headers(job: Job) -> dict[str, str]:
    return {
        "ETag": _etag(job),
        "Cache-Control": "private, no-cache",
        "X-Correlation-ID": job.id,
        "Vary": "Prefer, Authorization",
        **poll_headers(job),
    }


def _etag(job: Job) -> str:
    return f'"{job.version}"'


def _tags(request: Request) -> set[str]:
    """The ETags of If-None-Match; weak ones compare like strong ones (RFC 9110, 13.1.2)."""
    listed = ",".join(request.headers.getlist("if-none-match")).split(",")
    return {tag.strip().removeprefix("W/") for tag in listed if tag.strip()}
