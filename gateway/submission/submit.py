"""POST /v1/operations/{operation}: validate in full; one round trip to the broker makes it durable or refuses it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import ceil

from fastapi.routing import APIRoute
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Notify, Replayed, Submission
from bff.catalog.clients import Client
from bff.catalog.model import Operation, Parameters
from bff.failpoints import Point, failpoint
from bff.trace.span import current
from bff.wire.document import document_of, poll_headers
from gateway import problems
from gateway.body import body_of
from gateway.gateway import Gateway, gateway_of
from gateway.identity import client_of
from gateway.problems import Problem
from gateway.push.hold import held
from gateway.push.waiters import Channel
from gateway.steering import Preferences, Steering, steering_of
from gateway.submission.accept import accept, require_allowed
from gateway.submission.notify import notify_of
from gateway.submission.refusal import quota_headers, quota_of
from gateway.submission.traced import answered, refused, serving

MAX_RETRY_AFTER_SECONDS = 30
MAX_ERRORS = 100
"""What a 422 lists: a body of 1 MiB can be wrong in a hundred thousand places."""

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
        parameters = parameters_of(operation, await body_of(request))
        return await _submit(gateway, request, client, operation, steering, parameters, notify)

    return submit


def parameters_of(operation: Operation, body: bytes) -> Parameters:
    """Raises Problem `malformed-json` or `invalid-parameters`."""
    try:
        return operation.parameters.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        raise Problem(problems.MALFORMED_JSON, f"{errors[0]['msg']}.")
    _refuse_what_is_no_number(body)
    listed = [{"pointer": _pointer(item["loc"]), "detail": item["msg"]} for item in errors[:MAX_ERRORS]]
    places = "place" if len(errors) == 1 else "places"
    where = listed[0]["pointer"] or "the whole body"
    detail = f"The parameters are wrong in {len(errors)} {places}: {where}: {listed[0]['detail']}."
    raise Problem(problems.INVALID_PARAMETERS, detail, members={"errors": listed})


def _refuse_what_is_no_number(body: bytes) -> None:
    """NaN and Infinity, which pydantic reads and JSON does not know. No shipped parameter takes a float."""
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(problems.MALFORMED_JSON, f"Invalid JSON: {error}.") from None


def _pointer(location: tuple[str | int, ...]) -> str:
    """A JSON Pointer, RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


async def _submit(
    gateway: Gateway,
    request: Request,
    client: Client,
    operation: Operation,
    steering: Steering,
    parameters: Parameters,
    notify: Notify | None,
) -> Response:
    traceparent, tracestate = current().context
    submission = Submission(
        id=new_job_id(),
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
    match await accept(gateway, operation, parameters, submission):
        case Accepted(job, _, usage):
            return await _answer(gateway, request, client, job, steering.preferences, quota_headers(usage))
        case Replayed(job_id):
            return await _replay(gateway, request, client, job_id, steering.preferences)


async def _replay(
    gateway: Gateway, request: Request, client: Client, job_id: str, preferences: Preferences
) -> Response:
    job = await gateway.broker.jobs.read(job_id)
    if job is None:  # by the lifetimes of both records only within the second in which they expire
        raise Problem(problems.JOB_GONE, "The job of this Idempotency-Key is no longer kept.")
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
    if preferences.wait_seconds and not job.status.terminal:
        with suppress(BrokerUnavailable):  # what was accepted is, whether or not it can be read now
            seconds = preferences.wait_seconds
            job = await held(gateway, request, client, job.id, seconds, lambda job: job.status.terminal) or job
    failpoint(Point.BEFORE_RESPONSE)
    ended = job.status.terminal
    if ended:
        gateway.retrieved(job, Channel.LONG_POLL if preferences.wait_seconds else Channel.POLL)
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


def _retry_headers(job: Job) -> dict[str, str]:
    """When the result can be expected, from the measured drain rate; no sooner than polling is asked for."""
    headers = poll_headers(job)
    if headers:
        seconds = max(int(headers["Retry-After"]), ceil(job.expected_ms / 1000))
        headers["Retry-After"] = str(min(seconds, MAX_RETRY_AFTER_SECONDS))
    return headers
