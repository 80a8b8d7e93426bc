"""How /openapi.json describes what the routes do by hand."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from bff.catalog.model import Operation, Priority
from bff.policies.destination import MAX_URI_CHARACTERS
from bff.wire.document import JobDocument
from bff.wire.problem import MEDIA_TYPE, ProblemType
from gateway import problems
from gateway.problems import PROBLEM_TYPES

_REFERENCE = "#/components/schemas/{model}"

KEY_PATTERN = r'^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-~][!-~]{0,254})$'
NOTIFY_PATTERN = r"^(https?://|mailto:)[!-~]+( *; *when=(always|unclaimed))?$"
SECONDS_PATTERN = r"^(?=.*[1-9])[0-9]+(\.[0-9]+)?$"

_PROBLEM_SCHEMA = {
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


def described(answer: Any, other: Mapping[int, str], *refusals: ProblemType) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: 200 with `answer`, 202 with the job, others without a body; its problems."""
    responses: dict[int | str, dict[str, Any]] = {200: {"model": answer, "description": "OK"}}
    for status, description in other.items():
        responses[status] = {"description": description} | ({"model": JobDocument} if status == 202 else {})
    for type_ in refusals:
        known = responses.setdefault(type_.status, {"description": "", **_problem_content()})
        known["description"] += ("; " if known["description"] else "") + f"`{type_.slug}`: {type_.title}"
    return responses


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
    problems.QUOTA_EXCEEDED,
    problems.QUEUE_FULL,
    problems.SHEDDING,
    problems.DEADLINE_UNATTAINABLE,
    problems.DOWNSTREAM_UNAVAILABLE,
    problems.BROKER_UNAVAILABLE,
    problems.DRAINING,
)


def document_app(app: FastAPI, operations: Mapping[str, Operation]) -> None:
    """Have the app's document name the schemas that are referred to by hand."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = _PROBLEM_SCHEMA
            for operation in operations.values():
                schema = operation.parameters.model_json_schema(ref_template=_REFERENCE)
                schemas |= schema.pop("$defs", {})
                schemas[operation.parameters.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


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
