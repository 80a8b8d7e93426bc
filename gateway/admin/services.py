"""The services: their limits, how fast they are, what holds them back; pausing them, and forcing their breakers."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.standing import Pause, PausedBy
from bff.broker.steering import MOST_HELD_SECONDS, Steering
from bff.broker.survey import ServiceState, dead_letters, survey
from bff.catalog.catalog import Catalog
from bff.catalog.services import Service
from bff.policies.breaker import Forced, State
from bff.wire.document import Instant, one_of, timestamp
from gateway import problems
from gateway.admin.answer import REFUSED, WITH_BODY, answer, body_documented, for_operator, said_in
from gateway.gateway import Gateway
from gateway.problems import Problem
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/services", tags=["Operators"])

Name = Annotated[str, Path(description="The service's name, as in services.toml.")]


class BreakerDocument(TypedDict):
    """`until`: when it is probed, while it is open by itself. `forced`: an operator has said so."""

    state: Annotated[str, one_of(State)]
    until: Instant | None
    forced: Annotated[str, one_of(Forced)] | None


class PauseDocument(TypedDict):
    """`until` null: until it is resumed."""

    by: Annotated[str, one_of(PausedBy)]
    until: Instant | None


class ServiceDocument(TypedDict):
    """`drain_rate` is calls per second with all slots busy, `service_seconds` the moving average of a call's time,
    `slow_seconds` what 95 of 100 do not exceed, `retry_budget` the retries that may be spent at once.
    """

    service: str
    max_concurrency: int
    in_flight: int
    rate_per_second: float | None
    timeout_seconds: float
    drain_rate: float
    service_seconds: float
    slow_seconds: float
    breaker: BreakerDocument
    paused: PauseDocument | None
    retry_budget: float
    dead_letters: int


class Services(TypedDict):
    services: list[ServiceDocument]


def _whole(value: object) -> object:
    """To JSON Schema 5.0 is an integer, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class PauseWish(BaseModel):
    """For so long; without `seconds` until it is resumed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seconds: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=MOST_HELD_SECONDS)] | None = None


class BreakerWish(BaseModel):
    """How the breaker is to stand; `auto`: as the ends of calls say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Literal["open", "closed", "auto"]


@router.get(
    "",
    operation_id="read_services",
    summary="The services, and what holds them back",
    responses=described(Services, {}, *REFUSED),
)
async def read_services(request: Request) -> Response:
    gateway = await for_operator(request)
    cell = gateway.broker.cell
    return answer({"services": services_of(gateway.catalog, await survey(cell), await dead_letters(cell))})


@router.post(
    "/{service}/pause",
    operation_id="pause_service",
    summary="Have nobody call it, for a time or until it is resumed",
    responses=described(ServiceDocument, {}, *REFUSED, problems.UNKNOWN_SERVICE, *WITH_BODY),
    openapi_extra=body_documented(PauseWish, required=False),
)
async def pause_service(request: Request, service: Name) -> Response:
    gateway = await for_operator(request)
    known_service(gateway, service)
    wish = await said_in(request, PauseWish)
    await Steering(gateway.broker.cell).hold(service, wish.seconds if wish else None)
    return answer(await _as_it_stands(gateway, service))


@router.post(
    "/{service}/resume",
    operation_id="resume_service",
    summary="Have it called again, also where it had asked for a rest itself",
    responses=described(ServiceDocument, {}, *REFUSED, problems.UNKNOWN_SERVICE),
)
async def resume_service(request: Request, service: Name) -> Response:
    gateway = await for_operator(request)
    known_service(gateway, service)
    await Steering(gateway.broker.cell).resume(service)
    return answer(await _as_it_stands(gateway, service))


@router.put(
    "/{service}/breaker",
    operation_id="set_breaker",
    summary="Force it open or closed, or leave it to itself again",
    responses=described(ServiceDocument, {}, *REFUSED, problems.UNKNOWN_SERVICE, *WITH_BODY),
    openapi_extra=body_documented(BreakerWish, required=True),
)
async def set_breaker(request: Request, service: Name) -> Response:
    gateway = await for_operator(request)
    known_service(gateway, service)
    wish = await said_in(request, BreakerWish)
    if wish is None:
        raise Problem(problems.MALFORMED_JSON, 'The body is empty; say {"state": "open"}, "closed" or "auto".')
    await Steering(gateway.broker.cell).force(service, None if wish.state == "auto" else Forced(wish.state))
    return answer(await _as_it_stands(gateway, service))


def known_service(gateway: Gateway, name: str) -> Service:
    """Raises Problem `unknown-service`."""
    service = gateway.catalog.services.get(name)
    if service is None:
        known = [*gateway.catalog.services]
        detail = f"There are: {', '.join(known)}."
        raise Problem(problems.UNKNOWN_SERVICE, detail, members={"services": known})
    return service


def services_of(catalog: Catalog, states: Mapping[str, ServiceState], dead: Mapping[str, int]) -> list[ServiceDocument]:
    return [_service(catalog.services[name], state, dead[name]) for name, state in states.items()]


async def _as_it_stands(gateway: Gateway, service: str) -> ServiceDocument:
    gateway.overview.outdated()
    cell = gateway.broker.cell
    return _service(
        gateway.catalog.services[service], (await survey(cell))[service], (await dead_letters(cell))[service]
    )


def _pause(pause: Pause) -> PauseDocument:
    return {"by": pause.by, "until": None if pause.until_ms is None else timestamp(pause.until_ms)}


def _service(service: Service, state: ServiceState, dead: int) -> ServiceDocument:
    standing = state.standing
    breaker, pause = standing.breaker, standing.pause
    opens_by_itself = state.breaker is State.OPEN and breaker.forced is None
    return {
        "service": service.name,
        "max_concurrency": service.max_concurrency,
        "in_flight": state.in_flight,
        "rate_per_second": service.rate_per_second or None,
        "timeout_seconds": service.timeout_seconds,
        "drain_rate": round(state.drain_rate, 3),
        "service_seconds": standing.service_seconds,
        "slow_seconds": standing.slow_seconds,
        "breaker": {
            "state": state.breaker,
            "until": timestamp(breaker.open_until_ms) if opens_by_itself else None,
            "forced": breaker.forced,
        },
        "paused": None if pause is None else _pause(pause),
        "retry_budget": standing.retries,
        "dead_letters": dead,
    }
