"""Problem details (RFC 9457): every error that the gateway answers, each with a page that says what to do."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from bff.broker.errors import BrokerUnavailable
from bff.wire.problem import JOB_CANCELLED, JOB_EXPIRED, JOB_FAILED, MEDIA_TYPE, ProblemDetails, ProblemType

log = logging.getLogger(__name__)


class Problem(Exception):
    """Ends a request with this answer. `members` stand beside the standard ones; `headers` go with it."""

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.type = type_
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def document(self, instance: str, correlation_id: str) -> dict[str, Any]:
        details = ProblemDetails(type=self.type, detail=self.detail, members=self.members)
        return details.document(instance, correlation_id)

    def response(self, instance: str, correlation_id: str) -> Response:
        """`correlation_id` is the HTTP request's own; a job's among `headers` stands above it."""
        headers = {"Cache-Control": "no-store", "X-Correlation-ID": correlation_id, **self.headers}
        body = to_json(self.document(instance, headers["X-Correlation-ID"]))
        return Response(body, self.type.status, headers, MEDIA_TYPE)


PROBLEM_TYPES: dict[str, ProblemType] = {}
"""By slug; what /problems lists."""


def _listed(type_: ProblemType) -> ProblemType:
    PROBLEM_TYPES[type_.slug] = type_
    return type_


def _type(slug: str, status: int, title: str, meaning: str, remedy: str) -> ProblemType:
    return _listed(ProblemType(slug, status, title, meaning, remedy))


_SAME_KEY = "Repeat the request after Retry-After, with the same Idempotency-Key."

MALFORMED_REQUEST = _type(
    "malformed-request",
    400,
    "The request is not HTTP",
    "The request could not be read as HTTP/1.1, so its end is unknown and the connection was closed.",
    "Send it with an HTTP client; a proxy in between may have damaged it.",
)
HEAD_TOO_LARGE = _type(
    "head-too-large",
    431,
    "The request's headers are too large",
    "The request line and the headers together are longer than a gateway reads.",
    "Send fewer or shorter headers; parameters belong in the body.",
)
REQUEST_TOO_SLOW = _type(
    "request-too-slow",
    408,
    "The request took too long to arrive",
    "The request was not complete in the time that a gateway waits for it. Nothing was accepted.",
    "Repeat it over a better connection, with the same Idempotency-Key.",
)
MALFORMED_JSON = _type(
    "malformed-json",
    400,
    "The body is not JSON",
    "The body could not be read as JSON in UTF-8.",
    "Send one JSON object; `detail` says where reading stopped.",
)
INVALID_HEADER = _type(
    "invalid-header",
    400,
    "A header is not valid",
    "The header named in `header` has a value that is not allowed.",
    "`detail` says what is allowed. Nothing was accepted.",
)
UNAUTHORIZED = _type(
    "unauthorized",
    401,
    "Who asks is not known",
    "The request carries no key, or one that this gateway does not know. Nothing was accepted.",
    "Send `Authorization: Bearer KEY` with the key that you were given.",
)
FORBIDDEN = _type(
    "forbidden",
    403,
    "This is not allowed to you",
    "The key is known, and what was asked for is not among what it allows. Nothing was accepted.",
    "Ask who runs this gateway to allow it, or use another key.",
)
INVALID_QUERY = _type(
    "invalid-query",
    400,
    "The query is not valid",
    "A parameter of the query is missing or has a value that is not allowed.",
    "`detail` says what is allowed.",
)
NOT_FOUND = _type(
    "not-found",
    404,
    "There is nothing here",
    "No page or resource has this path.",
    "See /docs for what there is.",
)
UNKNOWN_OPERATION = _type(
    "unknown-operation",
    404,
    "No such operation",
    "This gateway does not offer an operation of that name.",
    "`operations` lists those that it offers.",
)
UNKNOWN_JOB = _type(
    "unknown-job",
    404,
    "No such job",
    "No job of this client has that id, or it ended so long ago that nothing of it is kept.",
    "Check the id. Where no 202 or 200 was received, submit the request again with the same Idempotency-Key.",
)
JOB_GONE = _type(
    "job-gone",
    410,
    "The job is no longer kept",
    "The id is of a time whose results have been removed.",
    "Fetch results before `expires_at`; submit the request again if you still need it.",
)
METHOD_NOT_ALLOWED = _type(
    "method-not-allowed",
    405,
    "The method is not allowed here",
    "This path exists, but not for this method.",
    "The header Allow lists the methods.",
)
BODY_TOO_LARGE = _type(
    "body-too-large",
    413,
    "The body is too large",
    "The body is longer than `limit_bytes`.",
    "Send less; pass large data by reference.",
)
UNSUPPORTED_MEDIA_TYPE = _type(
    "unsupported-media-type",
    415,
    "The body is not declared as JSON",
    "Content-Type must be application/json in UTF-8, without Content-Encoding.",
    "Send the header Content-Type: application/json.",
)
INVALID_PARAMETERS = _type(
    "invalid-parameters",
    422,
    "The parameters are not valid",
    "The body is JSON, but not what the operation takes.",
    "`errors` lists each place (`pointer`, RFC 6901) with what is wrong there (`detail`). Nothing was accepted.",
)
IDEMPOTENCY_KEY_REUSED = _type(
    "idempotency-key-reused",
    422,
    "The Idempotency-Key was used with another body",
    "This client has used this key for this operation with other parameters.",
    "Use a new key for a new request; repeat the same body to get the same job.",
)
POLL_TOO_FREQUENT = _type(
    "poll-too-frequent",
    429,
    "This job is polled too often",
    "The job was asked for far more often than `poll_after_seconds` says.",
    "Wait for Retry-After, or hold the request with Prefer: wait=N.",
)
MALFORMED_MESSAGE = _type(
    "malformed-message",
    400,
    "The message is not one that a WebSocket takes",
    "A message was no JSON object in a text frame, or its type is not known here, or it lacks a member. The third such "
    "message closes the socket.",
    "Send hello, subscribe, unsubscribe or ping, operators also watch or unwatch; `detail` says what is missing.",
)
UPGRADE_REQUIRED = _type(
    "upgrade-required",
    426,
    "This address is for WebSockets",
    "The request did not ask for a WebSocket, or not as RFC 6455 has it.",
    "Connect with a WebSocket client, subprotocol bff.v1+json.",
)
TOO_MANY_CONNECTIONS = _type(
    "too-many-connections",
    503,
    "Too many connections are open",
    "This gateway holds as many connections as it may, so this one was closed. Nothing was read from it.",
    "Come again after Retry-After; keep one connection, and use it for several requests.",
)
TOO_MANY_WAITERS = _type(
    "too-many-waiters",
    503,
    "No more clients can wait here",
    "This gateway, or this client by its quota, holds as many requests, streams and sockets open as it may.",
    "Close streams that are no longer needed, come back after Retry-After, or poll.",
)
REQUEST_IN_PROGRESS = _type(
    "request-in-progress",
    409,
    "The first request is still being answered",
    "A request with the same Idempotency-Key is being answered synchronously, and has not ended. `job` is its job.",
    "Send the same request again after Retry-After, or read the job.",
)
QUOTA_EXCEEDED = _type(
    "quota-exceeded",
    429,
    "Your quota is used up",
    "This client has had as much accepted as its quota allows for now: `bound` says whether it is the number of "
    "requests in a window of time, or that of jobs in flight at once. Nothing was accepted.",
    "Wait for Retry-After. `RateLimit` and `RateLimit-Policy` say what the quota is and what is left of it.",
)
QUEUE_FULL = _type(
    "queue-full",
    503,
    "No waiting place is free",
    "All waiting places of a service that the operation needs are taken for this priority. Nothing was accepted.",
    _SAME_KEY,
)
SHEDDING = _type(
    "shedding",
    503,
    "Requests of this priority are turned away for now",
    "A service that the operation needs is filling up, so lower priorities are turned away before higher ones.",
    _SAME_KEY,
)
DEADLINE_UNATTAINABLE = _type(
    "deadline-unattainable",
    503,
    "It cannot be done in time",
    "The predicted wait is longer than the client waits, so the work would be thrown away. Nothing was accepted.",
    _SAME_KEY + " Or wait longer: raise Request-Timeout, up to the operation's maximum.",
)
DOWNSTREAM_UNAVAILABLE = _type(
    "downstream-unavailable",
    503,
    "A service that the operation needs is not well",
    "The service named in `service` failed so often of late that it is not called for now, or an operator has said so, "
    "and nothing can stand in for it. Nothing was accepted.",
    _SAME_KEY,
)
UNKNOWN_SERVICE = _type(
    "unknown-service",
    404,
    "No such service",
    "No operation of this gateway calls a service of that name.",
    "`services` lists those that there are.",
)
UNKNOWN_DEAD_LETTER = _type(
    "unknown-dead-letter",
    404,
    "No such dead letter",
    "There is none of this id: it was replayed or discarded meanwhile, or never was.",
    "List them again.",
)
NOT_REPLAYED = _type(
    "not-replayed",
    409,
    "The dead letter was not replayed",
    "Nothing was changed; `detail` says why.",
    "Do what `detail` says, or discard the letter.",
)
BROKER_UNAVAILABLE = _type(
    "broker-unavailable",
    503,
    "The broker cannot be reached",
    "The gateway cannot read or write jobs at the moment. Whether a POST was accepted is unknown.",
    "Repeat the request after Retry-After; with the same Idempotency-Key you get the same job, never a second one.",
)
DRAINING = _type(
    "draining",
    503,
    "This gateway is shutting down",
    "This process takes no new work; others of the same deployment do.",
    _SAME_KEY,
)
GATEWAY_UNAVAILABLE = _type(  # said by the proxy (deploy/nginx); its page is here
    "gateway-unavailable",
    503,
    "No gateway can be reached",
    "The proxy in front of the gateways got no answer from any. Whether the request was taken is unknown.",
    _SAME_KEY,
)
INTERNAL_ERROR = _type(
    "internal-error",
    500,
    "Something went wrong in the gateway",
    "An error that was not foreseen; it has been logged under the correlation id.",
    "Repeat the request with the same Idempotency-Key; report `correlation_id` if it stays.",
)
for _end in (JOB_FAILED, JOB_EXPIRED, JOB_CANCELLED):
    _listed(_end)
JOB_NOT_CANCELLABLE = _type(
    "job-not-cancellable",
    409,
    "The job has ended already",
    "A terminal state never changes.",
    "Read the job for what came of it.",
)


def problem_of(error: Exception) -> Problem:
    """What it is answered with. What was not foreseen is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, BrokerUnavailable):
        return broker_unavailable()
    log.error("a request went wrong", exc_info=error)
    return unforeseen()


def broker_unavailable() -> Problem:
    detail = "The broker cannot be reached, so nothing can be said of this request's job."
    return Problem(BROKER_UNAVAILABLE, detail, retry_after=1)


def unknown_operation(known: Iterable[str]) -> Problem:
    offered = list(known)
    return Problem(UNKNOWN_OPERATION, f"This gateway offers: {', '.join(offered)}.", members={"operations": offered})


def unforeseen() -> Problem:
    return Problem(INTERNAL_ERROR, "An error that was not foreseen; it has been logged.")


def nothing_here() -> Problem:
    return Problem(NOT_FOUND, "There is nothing under this path.")
