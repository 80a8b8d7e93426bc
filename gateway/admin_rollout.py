"""What operators do while an operation is moved from synchronous to asynchronous: see its share, and set it."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from gateway import problems
from gateway.body import body_of
from gateway.gateway import Gateway, gateway_of
from gateway.identity import require_admin
from gateway.problems import Problem
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/rollout", tags=["Operators"])

_REFUSED = (problems.UNAUTHORIZED, problems.FORBIDDEN, problems.BROKER_UNAVAILABLE)


class Share(BaseModel):
    """What an operator sets; to a hundredth of a percent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    async_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class OperationShare(TypedDict):
    operation: str
    async_percent: float


class Rollout(TypedDict):
    rollout: list[OperationShare]


@router.get(
    "",
    operation_id="read_rollout",
    summary="How much of each operation is asynchronous",
    responses=described(Rollout, {}, *_REFUSED),
)
async def read_rollout(request: Request) -> Response:
    require_admin(request)
    gateway = gateway_of(request)
    await gateway.rollout.run_once()
    shares = [_share(gateway, operation) for operation in gateway.rollout.percentages]
    return Response(to_json({"rollout": shares}), 200, {"Cache-Control": "no-store"}, "application/json")


@router.put(
    "/{operation}",
    operation_id="set_rollout",
    summary="Set it, for all gateways within a second",
    responses=described(
        OperationShare, {}, *_REFUSED, problems.UNKNOWN_OPERATION, problems.MALFORMED_JSON, problems.INVALID_PARAMETERS,
        problems.BODY_TOO_LARGE, problems.UNSUPPORTED_MEDIA_TYPE,
    ),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Share.model_json_schema()}}}
    },
)  # fmt: skip
async def set_rollout(request: Request, operation: Annotated[str, Path()]) -> Response:
    require_admin(request)
    gateway = gateway_of(request)
    if operation not in gateway.rollout.percentages:
        known = [*gateway.catalog.operations]
        raise Problem(
            problems.UNKNOWN_OPERATION, f"This gateway offers: {', '.join(known)}.", members={"operations": known}
        )
    await gateway.rollout.set(operation, _share_in(await body_of(request)))
    return Response(to_json(_share(gateway, operation)), 200, {"Cache-Control": "no-store"}, "application/json")


def _share_in(body: bytes) -> float:
    """Raises Problem `malformed-json` or `invalid-parameters`."""
    try:
        return Share.model_validate_json(body).async_percent
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        raise Problem(problems.MALFORMED_JSON, f"{first['msg']}.")
    pointer = "".join(f"/{part}" for part in first["loc"])
    detail = f'A share is {{"async_percent": 0 to 100}}: {pointer or "the body"}: {first["msg"]}.'
    raise Problem(
        problems.INVALID_PARAMETERS, detail, members={"errors": [{"pointer": pointer, "detail": first["msg"]}]}
    )


def _share(gateway: Gateway, operation: str) -> OperationShare:
    return {"operation": operation, "async_percent": gateway.rollout.percentages[operation]}
