"""How /openapi.json describes what the routes do by hand."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from bff.catalog.model import Operation, Priority
from bff.policies.destination import MAX_URI_CHARACTERS
from bff.wire.document import JobDocument
from bff.wire.example import example
from bff.wire.problem import MEDIA_TYPE, ProblemType
from gateway import problems
from gateway.problems import PROBLEM_TYPES

_REFERENCE = "#/components/schemas/{model}"

_LINKS = {
    name: {"operationId": name, "parameters": {"job_id": "$response.body#/id"}, "description": description}
    for name, description in {
        "read_job": "Read the job, or wait for it.",
        "read_result": "Read its result alone.",
        "follow_job": "Follow it as server-sent events.",
        "cancel_job": "Cancel it.",
    }.items()
}

KEY_PATTERN = r'^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-~][!-~]{0,254})$'
SUBJECT_PATTERN = "^[!-~]{1,255}$"
NOTIFY_PATTERN = r"^(https?://|mailto:)[!-~]+( *; *when=(always|unclaimed))?$"
SECONDS_PATTERN = r"^(?=.*[1-9])[0-9]+(\.[0-9]+)?$"

PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "Problem details, RFC 9457. Further members depend on the type.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "correlation_id"],
    "properties": {
        "type": {"type": "string", "enum": [type_.path for type_ in PROBLEM_TYPES.values()]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "correlation_id": {"type": "string"},
    },
    "additionalProperties": True,
}


_RESPONSE_HEADERS = {
    "X-Correlation-ID": "The job's id; where there is none, the HTTP request's own.",
    "Location": "Where the job can be read.",
    "Content-Location": "Where the job can be read again.",
    "Retry-After": "Whole seconds: when to come again.",
    "Preference-Applied": "Which preferences were honoured, and how far (RFC 7240).",
    "Idempotency-Replayed": "`true` where this Idempotency-Key had made the job before.",
    "ETag": "The job's version.",
    "RateLimit": "What is left of the client's quota, where it has one.",
    "RateLimit-Policy": "The client's quota, where it has one.",
    "WWW-Authenticate": "How to say who asks.",
}
_ALWAYS = ("X-Correlation-ID",)
_WITH = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def described(
    answer: Any,
    other: Mapping[int, str],
    *refusals: ProblemType,
    good: int = 200,
    headers: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: `good` with `answer`, 202 with the job, others without a body; its problems.

    `headers` are those that an answer of a status may have, beside what every answer has.
    """
    responses: dict[int | str, dict[str, Any]] = {good: {"model": answer, "description": "OK"}}
    for status, description in other.items():
        responses[status] = {"description": description} | ({"model": JobDocument} if status == 202 else {})
    if answer is JobDocument:
        for taken in (200, 202):
            if taken in responses:
                responses[taken]["links"] = _LINKS
    for type_ in refusals:
        known = responses.setdefault(type_.status, {"description": "", **_problem_content()})
        known["description"] += ("; " if known["description"] else "") + f"`{type_.slug}`: {type_.title}"
    for known_status, response in responses.items():
        sure = (*_ALWAYS, *_WITH.get(int(known_status), ()))
        named = {name: name in sure for name in (*sure, *headers.get(int(known_status), ()))}
        response["headers"] = {name: _response_header(name, required) for name, required in named.items()}
    return responses


def _response_header(name: str, required: bool) -> dict[str, Any]:
    return {"description": _RESPONSE_HEADERS[name], "required": required, "schema": {"type": "string"}}


_SUBMITTED = ("Retry-After", "Preference-Applied", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy")
SUBMIT_HEADERS = {
    200: ("Content-Location", *_SUBMITTED[1:]),
    202: ("Location", *_SUBMITTED),
    429: ("RateLimit", "RateLimit-Policy"),
}
READ_HEADERS = {200: ("ETag", "Retry-After", "Preference-Applied"), 202: ("ETag", "Retry-After"), 304: ("ETag",)}


def submission_documented(operation: Operation) -> dict[str, Any]:
    """`openapi_extra` of an operation's route: its body, typed, with its example, and the headers that steer it."""
    body = {
        "schema": {"$ref": _REFERENCE.format(model=operation.parameters.__name__)},
        "example": operation.example,
    }
    return {
        "requestBody": {"required": True, "content": {"application/json": body}},
        "parameters": _steering(operation),
    }


SUBMIT_PROBLEMS = (
    problems.MALFORMED_JSON,
    problems.INVALID_HEADER,
    problems.UNAUTHORIZED,
    problems.FORBIDDEN,
    problems.BODY_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.INVALID_PARAMETERS,
    problems.IDEMPOTENCY_KEY_REUSED,
    problems.REQUEST_IN_PROGRESS,
    problems.QUOTA_EXCEEDED,
    problems.QUEUE_FULL,
    problems.SHEDDING,
    problems.DEADLINE_UNATTAINABLE,
    problems.DOWNSTREAM_UNAVAILABLE,
    problems.BROKER_UNAVAILABLE,
    problems.DRAINING,
)


def document_app(app: FastAPI, operations: Mapping[str, Operation], *, auth: bool) -> None:
    """Have the app's document name the schemas that are referred to by hand, and the key where one is asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = PROBLEM_SCHEMA
            _without_the_frameworks_refusal(document)
            schemas["JobDocument"]["examples"] = [example()]
            document["paths"]["/v1/jobs/{job_id}/events"] = {"get": _follow_job()}
            _ask_for_admins_key(document)
            if auth:
                _ask_for_key(document)
            for operation in operations.values():
                schema = operation.parameters.model_json_schema(ref_template=_REFERENCE)
                schemas |= schema.pop("$defs", {})
                schemas[operation.parameters.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


_EVENT = {
    "type": "object",
    "properties": {
        "event": {"const": "job"},
        "id": {"type": "string", "description": "The job's version."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": _REFERENCE.format(model="JobDocument")},
        },
    },
}


def _follow_job() -> dict[str, Any]:
    """The event stream, which is a plain ASGI endpoint: FastAPI knows nothing of it."""
    refusals = (
        problems.UNAUTHORIZED, problems.UNKNOWN_JOB, problems.JOB_GONE, problems.TOO_MANY_WAITERS,
        problems.BROKER_UNAVAILABLE,
    )  # fmt: skip
    responses = {str(status): answer for status, answer in described(None, {204: "It has ended"}, *refusals).items()}
    del responses["200"]["model"]
    responses["200"]["description"] = "Server-sent events: the job as it is, then once for each change."
    responses["200"]["content"] = {"text/event-stream": {"schema": _EVENT}}
    return {
        "tags": ["Jobs"],
        "operationId": "follow_job",
        "summary": "Follow a job as server-sent events; they end with the job",
        "parameters": [
            {
                "name": "job_id",
                "in": "path",
                "required": True,
                "description": "The correlation id.",
                "schema": {"type": "string"},
            },
            _header("Last-Event-ID", "The last version seen: only later ones are sent. After a terminal one: 204."),
        ],
        "responses": responses,
    }


def _ask_for_key(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"]["key"] = {"type": "http", "scheme": "bearer"}
    for path, methods in document["paths"].items():
        if path.startswith("/v1/"):
            for described_one in methods.values():
                described_one["security"] = [{"key": []}]


def _without_the_frameworks_refusal(document: dict[str, Any]) -> None:
    """FastAPI says of each route with parameters that it answers 422: none does, each takes any text."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for methods in document["paths"].values():
        for described_one in methods.values():
            if "HTTPValidationError" in str(described_one["responses"].get("422")):
                del described_one["responses"]["422"]


def _ask_for_admins_key(document: dict[str, Any]) -> None:
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes["admin"] = {"type": "http", "scheme": "bearer", "description": "A key of [admin] in the clients file."}
    for path, methods in document["paths"].items():
        if path.startswith("/admin/"):
            for described_one in methods.values():
                described_one["security"] = [{"admin": []}]


def _problem_content() -> dict[str, Any]:
    return {"content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}}


def _steering(operation: Operation) -> list[dict[str, Any]]:
    default = operation.timeout_seconds[Priority.NORMAL]
    return [
        _header(
            "Prefer",
            "`respond-async`: answer at once; `wait=N`: hold the answer up to N seconds, at most 30.",
        ),
        _header(
            "Idempotency-Key", "1 to 255 visible ASCII characters, quoted or bare, kept 24 h.", pattern=KEY_PATTERN
        ),
        _header("Request-Priority", "The lane; `normal` where it is not sent.", enum=[*Priority]),
        _header(
            "Request-Timeout",
            f"Seconds that the client waits for the result, decimals allowed; {default:g} where it is not sent, "
            f"clamped to {operation.max_timeout_seconds:g}.",
            pattern=SECONDS_PATTERN,
        ),
        _header(
            "Request-Notify",
            "Whom to tell of the job's end: an `https://` webhook, signed by the client's secret, or `mailto:` one of "
            "its addresses; then `; when=always` (the default of webhooks) or `; when=unclaimed` (of mail).",
            pattern=NOTIFY_PATTERN,
            maxLength=MAX_URI_CHARACTERS,
        ),
        _header(
            "Request-Subject",
            "For whom the client asks, 1 to 255 visible ASCII characters: while an operation is moved from synchronous "
            "to asynchronous, one subject is moved after the other. It is not kept.",
            pattern=SUBJECT_PATTERN,
        ),
        _header("traceparent", "W3C trace context, carried to the downstream."),
        _header("tracestate", "W3C trace context, carried to the downstream."),
    ]


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }
