"""POST /v1/operations/{operation}: validate in full; one round trip to the broker makes it durable or refuses it."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bff.broker.job import Mode
from bff.broker.jobs import Accepted, Notify, Replayed, Submission
from bff.catalog.clients import PUBLIC, Client
from bff.catalog.model import Operation, Parameters
from bff.trace.span import current
from gateway import problems
from gateway.body import body_of, read_as
from gateway.correlation import correlation_id
from gateway.gateway import Gateway, gateway_of
from gateway.headers import IndexedRequest
from gateway.identity import client_of
from gateway.problems import Problem, problem_of
from gateway.push.waiters import OVERLOAD_RETRY_SECONDS
from gateway.steering import Steering, steering_of
from gateway.submission.accept import accept, require_allowed
from gateway.submission.answer import answer, at_once, replay
from gateway.submission.notify import notify_of
from gateway.submission.refusal import quota_headers, quota_of
from gateway.submission.traced import answered, serving

Endpoint = Callable[[IndexedRequest], Awaitable[Response]]


class SubmitRoute(APIRoute):
    """FastAPI documents it; its endpoint reads the request by itself. See ADR 3."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self.submit(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def submit(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = IndexedRequest(scope, receive)
        with serving(request.headers, self.path) as served:
            try:
                response = await self.endpoint(request)
                outcome = served.outcome
            except Exception as error:  # noqa: BLE001 - the edge: who asked gets an answer, the log what happened
                problem = problem_of(error)
                response = problem.response(self.path, correlation_id(request))
                outcome = problem.type.slug
            answered(served, response.status_code, outcome)
        await response(scope, receive, send)


def submit_endpoint(operation: Operation) -> Endpoint:
    """The endpoint of one operation. It validates the body's bytes by the operation's own model."""

    async def submit(request: IndexedRequest) -> Response:
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
        id=correlation_id(request),
        mode=mode,
        operation=operation.name,
        client=client.name,
        priority=client.allowed(steering.priority),
        timeout_ms=steering.timeout_ms,
        parameters=to_json(parameters, by_alias=False),
        idempotency_key=steering.idempotency_key,
        traceparent=traceparent,
        tracestate=tracestate,
        quota=quota_of(client),
        notify=notify,
    )
    waits = mode is Mode.SYNC or steering.preferences.wait_seconds
    ahead = waits and not gateway.rejects(operation.name)
    with gateway.live.expecting(submission.id) if ahead else nullcontext():
        accepted = await (_start if mode is Mode.SYNC else accept)(gateway, operation, parameters, submission)
        match accepted:
            case Accepted(read_back=None) if not waits:
                return at_once(gateway, accepted, steering.preferences)
            case Accepted(job=job, usage=usage):
                return await answer(gateway, request, client, job, steering.preferences, quota_headers(usage))
            case Replayed(job_id):
                return await replay(gateway, request, client, job_id, steering.preferences)


async def _start(
    gateway: Gateway, operation: Operation, parameters: Parameters, submission: Submission
) -> Accepted | Replayed:
    with gateway.synchronous.place(operation.name) as room:
        if not room:
            raise _too_many_synchronous(gateway, submission)
        accepted = await accept(gateway, operation, parameters, submission)
        if isinstance(accepted, Accepted):
            gateway.synchronous.start(accepted.job)
        return accepted


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
    gateway.rejected(submission, problems.QUEUE_FULL.slug)
    detail = f"This gateway holds as many synchronous requests for {submission.operation!r} as it may; "
    detail += "`Prefer: respond-async` is not bound by that."
    return Problem(problems.QUEUE_FULL, detail, retry_after=OVERLOAD_RETRY_SECONDS)
