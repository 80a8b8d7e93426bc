"""The gateway's application, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from bff.broker.background import background
from bff.broker.connect import connected
from bff.broker.duty import repeat
from bff.broker.errors import BrokerUnavailable
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
from gateway.problems import Problem
from gateway.push.events import EventsEndpoint
from gateway.push.live import Live
from gateway.push.messages import WEBSOCKET_PATH
from gateway.push.overview import Overview
from gateway.push.waiters import Waiters
from gateway.push.websocket import SocketEndpoint, upgrade_required
from gateway.schemas.openapi import SUBMIT_HEADERS, SUBMIT_PROBLEMS, described, document_app, submission_documented
from gateway.settings import GatewaySettings
from gateway.submission.inline import Inline
from gateway.submission.submit import SubmitRoute, submit_endpoint
from gateway.submission.synchronous import Synchronous

OPERATORS = (overview, queues, services, workers, rollout, jobs, dead_letters, operator_tickets)

DESCRIPTION = (
    "Send a request, get a correlation id at once (202), read the result under it: poll, hold the request, or follow "
    "the job as server-sent events. The WebSocket and webhooks are described in /asyncapi.json."
)


def create_app(
    settings: GatewaySettings,
    catalog: Catalog,
    clients: ClientRegister,
    started: Callable[[Gateway], None] = lambda _: None,
    metrics_port: int | None = None,
) -> FastAPI:
    """`started` gets the gateway once it is made: whoever runs the server can drain it.

    `metrics_port` is where /metrics is answered, and nothing else; None: on the port of everything.
    """
    app = FastAPI(
        title="Asynchronous BFF gateway",
        version="0.1.0",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name the host that the client, or a proxy, made up
        lifespan=_lifespan(settings, catalog, clients, started),
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(HeadAsGet)
    if metrics_port is not None:
        app.add_middleware(MetricsApart, port=metrics_port)
    if settings.origins:
        app.add_middleware(CrossOrigin, origins=settings.origins)
    app.add_middleware(Correlation)
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
    app.add_api_route(
        "/v1/operations/{operation}",
        _unknown_operation(list(catalog.operations)),
        methods=["POST"],
        include_in_schema=False,
    )
    app.router.routes.append(Route("/v1/jobs/{job_id}/events", EventsEndpoint(), methods=["GET"]))
    app.router.routes.append(WebSocketRoute(WEBSOCKET_PATH, SocketEndpoint()))
    app.router.routes.append(Route(WEBSOCKET_PATH, upgrade_required, methods=["GET"]))
    for router in (retrieve, *OPERATORS, tickets, operate, start, reference, job, sign_in, console):
        app.include_router(router.router)
    app.mount("/static", Assets(directory=reference.STATIC))
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(BrokerUnavailable, _answer_broker)
    app.add_exception_handler(Exception, _answer_unforeseen)
    document_app(app, catalog.operations, auth=settings.auth)
    return app


def _lifespan(
    settings: GatewaySettings, catalog: Catalog, clients: ClientRegister, started: Callable[[Gateway], None]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
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
                app.state.gateway = Gateway(
                    settings, catalog, broker, inline, synchronous, shares, metrics, clients, live, waiters, watched
                )
                started(app.state.gateway)
                yield
                await synchronous.drained(app.state.gateway.drain_left_seconds)
            await downstream.aclose()

    return lifespan


def _unknown_operation(known: list[str]) -> Callable[[str], Response]:
    def unknown(operation: str) -> Response:
        raise problems.unknown_operation(known)

    return unknown


def _answer_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    if for_people(request):
        return problem_page(request, problem)
    return problem.response(request.url.path, correlation_id(request))


def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(allowed_methods(request)) or (error.headers or {}).get("Allow", "")
        problem = Problem(problems.METHOD_NOT_ALLOWED, f"Allowed: {allowed}.", headers={"Allow": allowed})
    elif error.status_code == 404:
        problem = problems.nothing_here()
    else:
        return _answer_unforeseen(request, error)
    return _answer_problem(request, problem)


def _answer_broker(request: Request, error: Exception) -> Response:
    return _answer_problem(request, problems.broker_unavailable())


def _answer_unforeseen(request: Request, error: Exception) -> Response:
    return _answer_problem(request, problems.unforeseen())
