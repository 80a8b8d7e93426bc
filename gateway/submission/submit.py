"""POST /v1/operations/{operation}: validate in full; one round trip to the broker makes it durable or refuses it."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from math import ceil

from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job, Mode
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Notify, Replayed, Submission
from bff.catalog.clients import PUBLIC, Client
from bff.catalog.model import Operation, Parameters
from bff.failpoints import Point, failpoint
from bff.trace.span import current
from bff.wire.document import document_of, poll_headers
from gateway import problems
from gateway.body import body_of, read_as
from gateway.gateway import Gateway, gateway_of
from gateway.identity import client_of
from gateway.problems import Problem
from gateway.push.hold import held, held_to_the_end
from gateway.push.waiters import OVERLOAD_RETRY_SECONDS, Channel
from gateway.steering import Preferences, Steering, steering_of
from gateway.submission.accept import accept, require_allowed
from gateway.submission.notify import notify_of
from gateway.submission.refusal import quota_headers, quota_of
from gateway.submission.traced import answered, refused, serving

MAX_RETRY_AFTER_SECONDS = 30
TOLD_WITHIN_SECONDS = 1.0
"""After its deadline a job ends within so long."""

Endpoint = Callable[[Request], Awaitable[Response]]


class SubmitRoute(APIRoute):
    """FastAPI documents it; its endpoint reads the request by itself. See ADR 3."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        with serving(request.headers, self.path) as served:
            try:
                response = await self.endpoint(request)
            except (Problem, BrokerUnavailable) as error:
                refused(served, error)
                raise
            answered(served, response.status_code, served.outcome)
        await response(scope, receive, send)


def submit_endpoint(operation: Operation) -> Endpoint:
    """The endpoint of one operation. It validates the body's bytes by the operation's own model."""

    async def submit(request: Request) -> Response:
        gateway = gateway_of(request)
        client = await client_of(request)
        require_allowed(client, operation.name)
        steering = steering_of(request.headers, operation)
        notify = notify_of(request.headers, client, gateway.settings)
        parameters = read_as(operation.parameters, await body_of(request))
        return await _submit(gateway, request, client, operation, steering, parameters, notify)

    return submit


async def _submit(
    gateway: Gateway,
    request: Request,
    client: Client,
    operation: Operation,
    steering: Steering,
    parameters: Parameters,
    notify: Notify | None,
) -> Response:
    mode = _mode(gateway, request, client, operation, steering)
    traceparent, tracestate = current().context
    submission = Submission(
        id=new_job_id(),
        mode=mode,
        operation=operation.name,
        client=client.name,
        priority=client.allowed(steering.priority),
        timeout_ms=steering.timeout_ms,
        parameters=parameters.model_dump_json().encode(),
        idempotency_key=steering.idempotency_key,
        traceparent=traceparent,
        tracestate=tracestate,
        quota=quota_of(client),
        notify=notify,
    )
    with gateway.synchronous.place(operation.name) if mode is Mode.SYNC else nullcontext(True) as room:
        if not room:
            raise _too_many_synchronous(gateway, submission)
        accepted = await accept(gateway, operation, parameters, submission)
        if mode is Mode.SYNC and isinstance(accepted, Accepted):
            gateway.synchronous.start(accepted.job)
    match accepted:
        case Accepted(job, _, usage):
            return await _answer(gateway, request, client, job, steering.preferences, quota_headers(usage))
        case Replayed(job_id):
            return await _replay(gateway, request, client, job_id, steering.preferences)


def _mode(gateway: Gateway, request: Request, client: Client, operation: Operation, steering: Steering) -> Mode:
    """Asynchronous where the client asks for that; else as the rollout has it for whom the client asks for."""
    if steering.preferences.respond_async:
        return Mode.ASYNC
    subject = steering.subject
    if subject is None and client.name == PUBLIC and request.client is not None:
        subject = request.client.host
    chosen = gateway.rollout.is_async(operation.name, f"{client.name}\0{subject or ''}")
    return Mode.ASYNC if chosen else Mode.SYNC


def _too_many_synchronous(gateway: Gateway, submission: Submission) -> Problem:
    gateway.metrics.rejected(submission, problems.QUEUE_FULL.slug)
    detail = f"This gateway holds as many synchronous requests for {submission.operation!r} as it may; "
    detail += "`Prefer: respond-async` is not bound by that."
    return Problem(problems.QUEUE_FULL, detail, retry_after=OVERLOAD_RETRY_SECONDS)


async def _replay(
    gateway: Gateway, request: Request, client: Client, job_id: str, preferences: Preferences
) -> Response:
    job = await gateway.broker.jobs.read(job_id)
    if job is None:  # by the lifetimes of both records only within the second in which they expire
        raise Problem(problems.JOB_GONE, "The job of this Idempotency-Key is no longer kept.")
    if job.mode is Mode.SYNC and not job.status.terminal:
        detail = "The first request with this Idempotency-Key is still being answered."
        raise Problem(
            problems.REQUEST_IN_PROGRESS,
            detail,
            members={"job": job.id},
            retry_after=min(MAX_RETRY_AFTER_SECONDS, max(1, ceil(job.expected_ms / 1000))),
        )
    return await _answer(gateway, request, client, job, preferences, {"Idempotency-Replayed": "true"})


async def _answer(
    gateway: Gateway,
    request: Request,
    client: Client,
    job: Job,
    preferences: Preferences,
    headers: dict[str, str] | None = None,
) -> Response:
    """202 with the job, or 200 with its result where it ended while the answer was held."""
    waits = preferences.wait_seconds or job.mode is Mode.SYNC
    if waits and not job.status.terminal:
        with suppress(BrokerUnavailable):  # what was accepted is, whether or not it can be read now
            job = await _held(gateway, request, client, job, preferences.wait_seconds) or job
    failpoint(Point.BEFORE_RESPONSE)
    ended = job.status.terminal
    if ended:
        gateway.retrieved(job, Channel.LONG_POLL if waits else Channel.POLL)
    path = f"/v1/jobs/{job.id}"
    sent = {
        "Content-Location" if ended else "Location": path,
        "X-Correlation-ID": job.id,
        "Vary": "Prefer",
        "Cache-Control": "no-store",
        **(headers or {}),
        **(_retry_headers(job)),
    }
    if preferences.applied:
        sent["Preference-Applied"] = preferences.applied
    return Response(to_json(document_of(job)), 200 if ended else 202, sent, "application/json")


async def _held(gateway: Gateway, request: Request, client: Client, job: Job, wait_seconds: float | None) -> Job | None:
    """A synchronous job is waited for up to its deadline, where the client does not want it otherwise."""
    if job.mode is Mode.SYNC:
        left_seconds = (job.deadline_ms - job.now_ms) / 1000 + TOLD_WITHIN_SECONDS
        return await held_to_the_end(gateway, request, job.id, left_seconds if wait_seconds is None else wait_seconds)
    return await held(gateway, request, client, job.id, wait_seconds or 0, lambda job: job.status.terminal)


def _retry_headers(job: Job) -> dict[str, str]:
    """When the result can be expected, from the measured drain rate; no sooner than polling is asked for."""
    headers = poll_headers(job)
    if headers:
        seconds = max(int(headers["Retry-After"]), ceil(job.expected_ms / 1000))
        headers["Retry-After"] = str(min(seconds, MAX_RETRY_AFTER_SECONDS))
    return headers
