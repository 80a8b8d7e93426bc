"""The ways to build the submit route that `submit_route.py` compares: each an ASGI app of its own.

All but the two bare ones do the same work: validate headers and JSON body, run one script that writes the job's
hash and its entry, answer 202 with the job.
"""

import gc
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from bff.broker.job_id import new_job_id
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script

PATH = "/v1/operations/checkout"
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
MAX_BODY_BYTES = 1 << 20
SUBMIT = Script(
    "submit-benchmark",
    """
    redis.call('HSET', KEYS[1], 'operation', ARGV[1], 'status', 'queued', 'priority', ARGV[2],
               'timeout', ARGV[3], 'idempotency_key', ARGV[4], 'parameters', ARGV[5], 'version', 1)
    redis.call('PEXPIRE', KEYS[1], 60000)
    redis.call('XADD', KEYS[2], '*', 'job', KEYS[1])
    return {'accepted', redis.call('XLEN', KEYS[2])}
    """,
)
NOTHING_YET = {"source": None, "attempts": 0, "http_status": None, "seconds": None, "error": None}


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Item(BaseModel):
    sku: str
    quantity: int = Field(gt=0)


class Checkout(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    cart_id: str = Field(min_length=1)
    amount_cents: int = Field(gt=0)
    items: list[Item]


class Wishes(BaseModel):
    """What steers the request travels in its headers."""

    prefer: str | None = None
    idempotency_key: str | None = Field(None, min_length=1, max_length=257)
    request_priority: Priority = Priority.NORMAL
    request_timeout: float = Field(30.0, gt=0)


WISHES = {name.replace("_", "-").encode(): name for name in Wishes.model_fields}


class Call(BaseModel):
    status: str
    source: str | None = None
    attempts: int = 0
    http_status: int | None = None
    seconds: float | None = None
    error: dict[str, Any] | None = None


class Job(BaseModel):
    id: str
    operation: str
    status: str
    mode: str
    priority: Priority
    submitted_at: str
    started_at: str | None
    finished_at: str | None
    deadline: str
    expires_at: str | None
    progress: dict[str, int]
    approximate_position: int
    estimated_seconds: float
    poll_after_seconds: float
    partial: bool
    degraded: bool
    calls: dict[str, Call]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    links: dict[str, str]


@dataclass
class Broker:
    pipeline: Pipeline

    async def submit(self, parameters: Checkout, wishes: Wishes) -> dict[str, Any]:
        """The job as a plain document of about 1 kB."""
        job_id = new_job_id()
        keys = (f"benchmark:{{c0}}:job:{job_id}", f"benchmark:{{c0}}:lane:inventory:{wishes.request_priority}")
        timeout_ms = int(1000 * wishes.request_timeout)
        stored = to_json(parameters)
        reply = await self.pipeline.run(
            SUBMIT,
            keys,
            ("checkout", wishes.request_priority, timeout_ms, wishes.idempotency_key or "", stored),
        )
        return document(job_id, wishes.request_priority, position=reply[1])


def document(job_id: str, priority: Priority, position: int) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    self = f"/v1/jobs/{job_id}"
    queued, waiting = ({"status": status, **NOTHING_YET} for status in ("queued", "waiting"))
    return {
        "id": job_id,
        "operation": "checkout",
        "status": "queued",
        "mode": "async",
        "priority": priority,
        "submitted_at": now,
        "started_at": None,
        "finished_at": None,
        "deadline": now,
        "expires_at": None,
        "progress": {"done": 0, "total": 3},
        "approximate_position": position,
        "estimated_seconds": 3.3,
        "poll_after_seconds": 1.0,
        "partial": False,
        "degraded": False,
        "calls": {"reserve": queued, "charge": waiting, "confirm": waiting},
        "result": None,
        "error": None,
        "links": {
            "self": self,
            "result": f"{self}/result",
            "events": f"{self}/events",
            "websocket": "/v1/ws",
            "page": f"/jobs/{job_id}",
        },
    }


def headers_of(job: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Location": job["links"]["self"],
        "Retry-After": "1",
        "X-Correlation-ID": job["id"],
        "Preference-Applied": "respond-async",
        "Vary": "Prefer",
        "Cache-Control": "no-store",
    }


def accepted(job: Mapping[str, Any]) -> Response:
    return Response(to_json(job), 202, headers_of(job), "application/json")


def checked_wishes(headers: list[tuple[bytes, bytes]]) -> Wishes:
    given = {WISHES[name]: value.decode("latin-1") for name, value in headers if name in WISHES}
    return Wishes.model_validate(given)


def checked_body(body: bytes) -> Checkout:
    try:
        return Checkout.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(), body=body) from None


async def read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise RequestValidationError([{"type": "too_long"}])
    return body


async def bare_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Parses and validates as bare FastAPI does, without any framework."""
    if scope["type"] == "http":
        parameters = checked_body(await read(receive))
        await Response(to_json({"cart": parameters.cart_id}), media_type="application/json")(scope, receive, send)


def bare_fastapi(router: APIRouter, broker: Broker) -> None:
    @router.post(PATH)
    async def checkout(parameters: Checkout) -> dict[str, str]:
        return {"cart": parameters.cart_id}


def typed(router: APIRouter, broker: Broker) -> None:
    """As FastAPI's tutorial has it."""

    @router.post(PATH, status_code=202)
    async def checkout(parameters: Checkout, wishes: Annotated[Wishes, Header()], response: Response) -> Job:
        job = await broker.submit(parameters, wishes)
        response.headers.update(headers_of(job))
        return Job.model_validate(job)


def typed_returning_response(router: APIRouter, broker: Broker) -> None:
    @router.post(PATH, status_code=202, response_model=Job)
    async def checkout(parameters: Checkout, wishes: Annotated[Wishes, Header()]) -> Response:
        return accepted(await broker.submit(parameters, wishes))


def request_in_response_out(router: APIRouter, broker: Broker) -> None:
    """One handler for all operations; what it takes is documented by hand."""
    schema = {"application/json": {"schema": Checkout.model_json_schema()}}

    @router.post(
        PATH,
        status_code=202,
        response_model=Job,
        openapi_extra={"requestBody": {"content": schema, "required": True}},
    )
    async def submit(request: Request) -> Response:
        wishes = checked_wishes(request.scope["headers"])
        parameters = checked_body(await request.body())
        return accepted(await broker.submit(parameters, wishes))


class SubmitRoute(APIRoute):
    """A typed route, documented from its signature, that reads by itself what its endpoint takes."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        wishes = checked_wishes(scope["headers"])
        parameters = checked_body(await read(receive))
        response = await self.endpoint(parameters, wishes)
        await response(scope, receive, send)


def own_route_class(router: APIRouter, broker: Broker) -> None:
    router.route_class = SubmitRoute
    typed_returning_response(router, broker)


class AsgiRoute(APIRoute):
    """The same with the two ASGI messages of the answer made by hand."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        wishes = checked_wishes(scope["headers"])
        job = await self.endpoint(checked_body(await read(receive)), wishes)
        body = to_json(job)
        headers = [(name.lower().encode(), value.encode()) for name, value in headers_of(job).items()]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def own_route_class_asgi(router: APIRouter, broker: Broker) -> None:
    router.route_class = AsgiRoute

    @router.post(PATH, status_code=202, response_model=Job)
    async def checkout(parameters: Checkout, wishes: Annotated[Wishes, Header()]) -> dict[str, Any]:
        return await broker.submit(parameters, wishes)


VARIANTS: dict[str, Callable[[APIRouter, Broker], None]] = {
    "bare FastAPI POST, no Redis": bare_fastapi,
    "1 typed route, response model": typed,
    "2 typed route, returns a Response": typed_returning_response,
    "3 Request in, Response out": request_in_response_out,
    "4 own route class, typed endpoint": own_route_class,
    "5 own route class, plain ASGI": own_route_class_asgi,
}
BARE_ASGI = "bare ASGI POST, no Redis"


def app_of(variant: str, redis_url: str, *, tune_gc: bool) -> ASGIApp:
    if variant == BARE_ASGI:
        return bare_asgi

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if tune_gc:
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
        yield
        await broker.pipeline.aclose()

    broker = Broker(Pipeline(redis_url))
    app = FastAPI(lifespan=lifespan, telemetry=NO_TELEMETRY)
    VARIANTS[variant](app.router, broker)
    return app
