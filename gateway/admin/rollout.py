"""What operators do while an operation is moved from synchronous to asynchronous: see its share, and set it."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.rollout import Rollout as Shares
from gateway import problems
from gateway.admin.answer import REFUSED, WITH_BODY, answer, body_documented, for_operator, said_in
from gateway.problems import Problem
from gateway.schemas.openapi import described

router = APIRouter(prefix="/admin/v1/rollout", tags=["Operators"])


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
    responses=described(Rollout, {}, *REFUSED),
)
async def read_rollout(request: Request) -> Response:
    gateway = await for_operator(request)
    await gateway.rollout.run_once()
    return answer({"rollout": shares_of(gateway.rollout)})


@router.put(
    "/{operation}",
    operation_id="set_rollout",
    summary="Set it, for all gateways within a second",
    responses=described(OperationShare, {}, *REFUSED, problems.UNKNOWN_OPERATION, *WITH_BODY),
    openapi_extra=body_documented(Share, required=True),
)
async def set_rollout(request: Request, operation: Annotated[str, Path()]) -> Response:
    gateway = await for_operator(request)
    if operation not in gateway.rollout.percentages:
        raise problems.unknown_operation(gateway.catalog.operations)
    share = await said_in(request, Share)
    if share is None:
        raise Problem(problems.MALFORMED_JSON, 'The body is empty; say {"async_percent": 0 to 100}.')
    await gateway.rollout.set(operation, share.async_percent)
    gateway.overview.outdated()
    return answer({"operation": operation, "async_percent": gateway.rollout.percentages[operation]})


def shares_of(rollout: Shares) -> list[OperationShare]:
    return [{"operation": name, "async_percent": percent} for name, percent in rollout.percentages.items()]
