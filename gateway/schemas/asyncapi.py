"""/asyncapi.json: what goes over the WebSocket, the event stream and webhooks, as AsyncAPI 3.0."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from bff.wire.document import JobDocument
from bff.wire.example import RUNNING, example
from gateway import problems
from gateway.admin.overview import OverviewDocument
from gateway.problems import Problem
from gateway.schemas.openapi import PROBLEM_SCHEMA

_SCHEMA = "#/components/schemas/{model}"
_ID = {"type": "string", "format": "uuid", "description": "The correlation id."}
_VERSION = {"type": "integer", "minimum": 1, "description": "Rises with every change of the job."}
_JOB = {"$ref": _SCHEMA.format(model="JobDocument")}


@cache
def document(version: str) -> dict[str, Any]:
    """The document of a gateway of this version: made once, for it takes some milliseconds."""
    sent, received = _sent(), _received()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Asynchronous BFF gateway: changes of jobs",
            "version": version,
            "description": "How a gateway tells that a job has changed. Submitting and reading: /openapi.json.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "{host}",
                "protocol": "ws",
                "description": "wss where TLS ends in front of the gateway.",
                "variables": {"host": {"default": "127.0.0.1:8000"}},
            }
        },
        "channels": {
            "socket": {
                "address": "/v1/ws",
                "description": "One WebSocket for any number of jobs; subprotocol bff.v1+json.",
                "servers": [{"$ref": "#/servers/gateway"}],
                "messages": {**received, **sent},
                "bindings": {"ws": {"method": "GET", "headers": _SOCKET_HEADERS, "bindingVersion": "0.1.0"}},
            },
            "events": {
                "address": "/v1/jobs/{id}/events",
                "description": "Server-sent events of one job; they end after its terminal state.",
                "parameters": {"id": {"description": "The correlation id."}},
                "messages": {"jobEvent": _job_event()},
            },
            "webhook": {
                "address": None,
                "description": "The URI of Request-Notify, by POST; signed as Standard Webhooks has it.",
                "messages": {"jobEnded": _job_ended()},
            },
        },
        "operations": {
            "listen": _operation("receive", "socket", received, "What a client says over its WebSocket."),
            "tell": _operation("send", "socket", sent, "What a gateway says over a WebSocket."),
            "stream": _operation("send", "events", ["jobEvent"], "The job as it is, then once for each change."),
            "notify": _operation("send", "webhook", ["jobEnded"], "Once the job has ended, at least once."),
        },
        "components": {"schemas": _schemas()},
    }


_SOCKET_HEADERS = {
    "type": "object",
    "required": ["Sec-WebSocket-Protocol"],
    "properties": {
        "Sec-WebSocket-Protocol": {"type": "string", "const": "bff.v1+json"},
        "Authorization": {"type": "string", "description": "Bearer KEY, where keys are asked for and it can be sent."},
    },
}


def _received() -> dict[str, Any]:
    return {
        "hello": _message("hello", {"ticket": {"type": "string"}}, ["ticket"], {"ticket": "q3V…"}),
        "subscribe": _message(
            "subscribe",
            {"id": _ID, "after": {**_VERSION, "minimum": 0, "description": "Only versions above this one."}},
            ["id"],
            {"id": RUNNING.id, "after": 3},
        ),
        "unsubscribe": _message("unsubscribe", {"id": _ID}, ["id"], {"id": RUNNING.id}),
        "ping": _message("ping", {}, [], {}),
        "watch": _message(
            "watch",
            {"ticket": {"type": "string", "description": "Of POST /admin/v1/ws-tickets; not with an operator's key."}},
            [],
            {"ticket": "q3V…"},
        ),
        "unwatch": _message("unwatch", {}, [], {}),
    }


def _sent() -> dict[str, Any]:
    problem = Problem(problems.UNKNOWN_JOB, "No job of yours has this id.").document("/v1/ws", RUNNING.id)
    return {
        "welcome": _message(
            "welcome",
            {"client": {"type": "string"}, "heartbeat_seconds": {"type": "number"}},
            ["client", "heartbeat_seconds"],
            {"client": "public", "heartbeat_seconds": 20},
        ),
        "job": _message(
            "job",
            {"version": _VERSION, "job": _JOB},
            ["version", "job"],
            {"version": RUNNING.version, "job": example()},
        ),
        "done": _message("done", {"id": _ID}, ["id"], {"id": RUNNING.id}),
        "unsubscribed": _message("unsubscribed", {"id": _ID}, ["id"], {"id": RUNNING.id}),
        "pong": _message("pong", {}, [], {}),
        "overview": _overview(),
        "unwatched": _message("unwatched", {}, [], {}),
        "error": _message(
            "error",
            {"id": {"type": ["string", "null"]}, "problem": {"$ref": _SCHEMA.format(model="Problem")}},
            ["id", "problem"],
            {"id": RUNNING.id, "problem": problem},
        ),
    }


def _overview() -> Any:
    """To operators who watch, at most once a second."""
    schema = _referring("OverviewDocument")
    sample = {"at": "2026-11-23T09:38:55.841Z", "queues": [], "services": [], "workers": [], "rollout": []}
    return _message("overview", schema["properties"], schema["required"], {**sample, "dead_letters": 0})


def _message(type_: str, properties: Mapping[str, Any], required: list[str], sample: Mapping[str, Any]) -> Any:
    return {
        "name": type_,
        "payload": {
            "type": "object",
            "required": ["type", *required],
            "properties": {"type": {"type": "string", "const": type_}, **properties},
        },
        "examples": [{"payload": {"type": type_, **sample}}],
    }


def _job_event() -> dict[str, Any]:
    return {
        "name": "job",
        "description": "`event: job`, `id:` the job's version, `data:` the job.",
        "payload": _JOB,
        "examples": [{"payload": example()}],
    }


def _job_ended() -> dict[str, Any]:
    words = [f"job.{status}" for status in ("succeeded", "failed", "expired", "cancelled")]
    ended = {**_without_result(example()), "status": "succeeded"}
    return {
        "name": "job ended",
        "headers": {
            "type": "object",
            "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
            "properties": {
                "webhook-id": {"type": "string", "description": "The same at every attempt."},
                "webhook-timestamp": {"type": "string", "description": "Unix seconds."},
                "webhook-signature": {"type": "string", "description": "v1,BASE64, one for each secret."},
            },
        },
        "payload": {
            "type": "object",
            "required": ["type", "timestamp", "data"],
            "properties": {
                "type": {"type": "string", "enum": words},
                "timestamp": {"type": "string", "format": "date-time"},
                "data": {"$ref": _SCHEMA.format(model="JobWithoutResult")},
            },
        },
        "examples": [{"payload": {"type": words[0], "timestamp": ended["submitted_at"], "data": ended}}],
    }


def _operation(action: str, channel: str, messages: Any, summary: str) -> dict[str, Any]:
    at = f"#/channels/{channel}"
    refs = [{"$ref": f"{at}/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": at}, "messages": refs, "summary": summary}


@cache
def _referring(name: str) -> dict[str, Any]:
    """The schema of a document, with those that it refers to under `$defs`."""
    documents: dict[str, Any] = {"JobDocument": JobDocument, "OverviewDocument": OverviewDocument}
    return TypeAdapter(documents[name]).json_schema(ref_template=_SCHEMA)


def _schemas() -> dict[str, Any]:
    job = {name: part for name, part in _referring("JobDocument").items() if name != "$defs"}
    schemas = {
        **_referring("JobDocument")["$defs"],
        **_referring("OverviewDocument")["$defs"],
        "JobDocument": job,
        "Problem": PROBLEM_SCHEMA,
    }
    schemas["JobWithoutResult"] = {
        **job,
        "title": "JobWithoutResult",
        "properties": _without_result(job["properties"]),
        "required": [name for name in job["required"] if name != "result"],
    }
    return schemas


def _without_result(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name != "result"}
