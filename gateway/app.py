"""The gateway's application, put together."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bff.broker.background import background
from bff.broker.connect import connected
from bff.broker.duty import repeat
from bff.broker.errors import BrokerUnavailable
from bff.broker.job_id import is_job_id
from bff.broker.rollout import EVERY_SECONDS, Rollout
from bff.catalog.catalog import Catalog
from bff.catalog.clients import ClientRegister
from bff.downstream.client import Downstream
from bff.wire.document import JobDocument
from gateway import operate, problems, retrieve, tickets
from gateway.admin import dead_letters, jobs, overview, queues, rollout, services, workers
from gateway.admin import tickets as operator_tickets
from gateway.apart import MetricsApart
from gateway.correlation import Correlation, correlation_id
from gateway.cross_origin import CrossOrigin
from gateway.gateway import Gateway
from gateway.methods import HeadAsGet, allowed_methods
from gateway.metrics import Metrics
from gateway.pages import console, job, reference, sign_in, start
from gateway.pages.assets import Assets
from gateway.pages.problem import for_people, problem_page
from gateway.problems import Problem, problem_of
from gateway.push.events import EventsEndpoint
from gateway.push.live import Live
from gateway.push.messages import WEBSOCKET_PATH
from gateway.push.overview import Overview
from gateway.push.waiters import Waiters
from gateway.push.websocket import SocketsAside, upgrade_required
from gateway.schemas.openapi import SUBMIT_HEADERS, SUBMIT_PROBLEMS, described, document_app, submission_documented
from gateway.settings import GatewaySettings
from gateway.submission.inline import Inline
from gateway.submission.submit import SubmitRoute, submit_endpoint
from gateway.submission.synchronous import Synchronous

JOBS = "/v1/jobs/"
OPERATORS = (overview, queues, services, workers, rollout, jobs, dead_letters, operator_tickets)

DESCRIPTION = (
    "Send a request, get a correlation id at once (202), read the result under it: poll, hold the request, or follow "
    "the job as server-sent events. The WebSocket and webhooks are described in /asyncapi.json."
)


class Application(FastAPI):
    """FastAPI, past whose layers and search for a route submissions and polls go, by their path (ADR 33).

    `gateway` is there once it has started; `around` is around every answer, that to an unforeseen error too.
    """

    gateway: Gateway
    around: Sequence[Middleware]
    submissions: Mapping[str, ASGIApp]
    poll: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (straight := self._straight(scope["method"], scope["path"])):
            scope["app"] = self
            await straight(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        return _within(self.around, super().build_middleware_stack())

    def _straight(self, method: str, path: str) -> ASGIApp | None:
        if method == "POST":
            return self.submissions.get(path)
        is_poll = method == "GET" and path.startswith(JOBS) and is_job_id(path.removeprefix(JOBS))
        return self.poll if is_poll else None


def create_app(
    settings: GatewaySettings,
    catalog: Catalog,
    clients: ClientRegister,
    started: Callable[[Gateway], None] = lambda _: None,
    metrics_port: int | None = None,
) -> Application:
    """`started` gets the gateway once it is made: whoever runs the server can drain it.

    `metrics_port` is where /metrics is answered, and nothing else; None: on the port of everything.
    """
    app = Application(
        title="Asynchronous BFF gateway",
        version="0.1.0",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name the host that the client, or a proxy, made up
        lifespan=_lifespan(settings, catalog, clients, started),
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(SocketsAside)
    app.add_middleware(HeadAsGet)
    app.around = _around_everything(settings, metrics_port)
    for operation in catalog.operations.values():
        app.router.add_api_route(
            f"/v1/operations/{operation.name}",
            submit_endpoint(operation),
            methods=["POST"],
            name=operation.name,
            operation_id=f"submit_{operation.name.replace('-', '_')}",
            summary=operation.summary,
            tags=["Operations"],
            responses=described(
                JobDocument,
                {202: "Accepted and durable; the body is the job"},
                *SUBMIT_PROBLEMS,
                headers=SUBMIT_HEADERS,
            ),
            openapi_extra=submission_documented(operation),
            route_class_override=SubmitRoute,
        )
    routes = [route for route in app.routes if isinstance(route, SubmitRoute)]
    app.submissions = {route.path: _within(app.around, route.submit) for route in routes}
    app.poll = _within(app.around, _poll)
    app.add_api_route(
        "/v1/operations/{operation}",
        _unknown_operation(list(catalog.operations)),
        methods=["POST"],
        include_in_schema=False,
    )
    app.router.routes.append(Route("/v1/jobs/{job_id}/events", EventsEndpoint(), methods=["GET"]))
    app.router.routes.append(Route(WEBSOCKET_PATH, upgrade_required, methods=["GET"]))
    app.router.routes.extend(retrieve.router.routes)  # as they are: to be included costs each read 14 µs
    for router in (*OPERATORS, tickets, operate, start, reference, job, sign_in, console):
        app.include_router(router.router)
    app.mount("/static", Assets(directory=reference.STATIC))
    app.add_exception_handler(Problem, _answer)
    app.add_exception_handler(BrokerUnavailable, _answer)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unforeseen)
    document_app(app, catalog.operations, auth=settings.auth)
    return app


def _around_everything(settings: GatewaySettings, metrics_port: int | None) -> list[Middleware]:
    """What submissions and polls pass too, from the innermost out."""
    around = [] if metrics_port is None else [Middleware(MetricsApart, port=metrics_port)]
    around += [Middleware(CrossOrigin, origins=settings.origins)] if settings.origins else []
    return [*around, Middleware(Correlation)]


def _within(around: Iterable[Middleware], app: ASGIApp) -> ASGIApp:
    for middleware in around:
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    return app


def _lifespan(
    settings: GatewaySettings, catalog: Catalog, clients: ClientRegister, started: Callable[[Gateway], None]
) -> Callable[[Application], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        metrics = Metrics(catalog)
        async with connected(
            settings.redis_url,
            catalog,
            on_ended=metrics.ended,
            prefix=settings.key_prefix,
            result_ttl_seconds=settings.result_ttl_seconds,
        ) as broker:
            downstream = Downstream(catalog.services.values())
            inline = Inline(catalog, broker.cell, downstream, metrics)
            synchronous = Synchronous(catalog, broker, downstream, metrics, settings.max_sync)
            shares = Rollout(broker.cell)
            with suppress(BrokerUnavailable):  # else it is looked at again and again, and all is as the catalog says
                await shares.run_once()
            watched = Overview(lambda: overview.overview_of(broker.cell, shares))
            waiters = Waiters(settings.max_waiters)
            async with (
                Live(broker.jobs, broker.watch, broker.cell.keys).running() as live,
                background(rollout=repeat("rollout", shares.run_once, EVERY_SECONDS), overview=watched.run()),
            ):
                gateway = app.gateway = Gateway(
                    settings, catalog, broker, inline, synchronous, shares, metrics, clients, live, waiters, watched
                )
                started(gateway)
                yield
                await synchronous.drained(gateway.drain_left_seconds)
            await downstream.aclose()

    return lifespan


def _unknown_operation(known: list[str]) -> Callable[[str], Response]:
    def unknown(operation: str) -> Response:
        raise problems.unknown_operation(known)

    return unknown


async def _poll(scope: Scope, receive: Receive, send: Send) -> None:
    """GET /v1/jobs/{id}; what goes wrong is answered as everywhere."""
    request = Request(scope, receive)
    try:
        response = await retrieve.read_job(request, scope["path"].removeprefix(JOBS))
    except Exception as error:  # noqa: BLE001 - the edge, as of a submission
        response = _answer(request, error)
    await response(scope, receive, send)


def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if for_people(request):
        return problem_page(request, problem)
    return problem.response(request.url.path, correlation_id(request))


def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(allowed_methods(request)) or (error.headers or {}).get("Allow", "")
        error = Problem(problems.METHOD_NOT_ALLOWED, f"Allowed: {allowed}.", headers={"Allow": allowed})
    elif error.status_code == 404:
        error = problems.nothing_here()
    return _answer(request, error)


def _answer_unforeseen(request: Request, error: Exception) -> Response:
    """Starlette raises the error again after this, and uvicorn logs it."""
    return _answer(request, problems.unforeseen())
