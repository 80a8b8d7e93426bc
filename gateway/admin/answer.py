"""What all answers to operators have in common."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from gateway import problems
from gateway.body import body_of
from gateway.gateway import Gateway, gateway_of
from gateway.identity import require_admin
from gateway.problems import Problem

REFUSED = (problems.UNAUTHORIZED, problems.FORBIDDEN, problems.BROKER_UNAVAILABLE)
"""How each of these routes may refuse."""
WITH_BODY = (
    problems.MALFORMED_JSON,
    problems.INVALID_PARAMETERS,
    problems.BODY_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
)

Said = TypeVar("Said", bound=BaseModel)


async def for_operator(request: Request) -> Gateway:
    """The gateway, once it is certain who asks. Raises Problem `unauthorized`, `forbidden`; BrokerUnavailable."""
    await require_admin(request)
    return gateway_of(request)


def answer(document: Any, status: int = 200) -> Response:
    return Response(to_json(document), status, {"Cache-Control": "no-store"}, "application/json")


async def said_in(request: Request, model: type[Said]) -> Said | None:
    """What the body says, None where there is none. Raises Problem: any of WITH_BODY."""
    body = await body_of(request)
    if not body:
        return None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        raise Problem(problems.MALFORMED_JSON, f"{first['msg']}.")
    pointer = "".join(f"/{part}" for part in first["loc"])
    where = pointer or "the body"
    raise Problem(
        problems.INVALID_PARAMETERS,
        f"{where}: {first['msg']}.",
        members={"errors": [{"pointer": pointer, "detail": first["msg"]}]},
    )


def body_documented(model: type[BaseModel], *, required: bool) -> dict[str, Any]:
    """`openapi_extra` of a route that takes one."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}
