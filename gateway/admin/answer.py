"""What all answers to operators have in common."""

from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from gateway import problems
from gateway.body import Read, body_of, read_as
from gateway.gateway import Gateway, gateway_of
from gateway.identity import require_admin

REFUSED = (problems.UNAUTHORIZED, problems.FORBIDDEN, problems.BROKER_UNAVAILABLE)
"""How each of these routes may refuse."""
WITH_BODY = (
    problems.MALFORMED_JSON,
    problems.INVALID_PARAMETERS,
    problems.BODY_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
)


async def for_operator(request: Request) -> Gateway:
    """The gateway, once it is certain who asks. Raises Problem `unauthorized`, `forbidden`; BrokerUnavailable."""
    await require_admin(request)
    return gateway_of(request)


def answer(document: Any, status: int = 200) -> Response:
    return Response(to_json(document), status, {"Cache-Control": "no-store"}, "application/json")


async def said_in(request: Request, model: type[Read]) -> Read | None:
    """What the body says, None where there is none. Raises Problem: any of WITH_BODY."""
    body = await body_of(request)
    return read_as(model, body) if body else None


def body_documented(model: type[BaseModel], *, required: bool) -> dict[str, Any]:
    """`openapi_extra` of a route that takes one."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}
