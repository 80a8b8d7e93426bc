"""Tickets for WebSockets: a browser can send no header with one."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from bff.broker.tickets import TICKET_SECONDS, Tickets
from gateway import problems
from gateway.gateway import gateway_of
from gateway.identity import holder_of
from gateway.schemas.openapi import described

router = APIRouter(tags=["WebSocket"])


class Ticket(TypedDict):
    ticket: str
    expires_in: int


@router.post(
    "/v1/ws-tickets",
    operation_id="issue_ticket",
    summary="A ticket for one WebSocket, to be sent in its first message",
    status_code=201,
    responses=described(Ticket, {}, problems.UNAUTHORIZED, problems.BROKER_UNAVAILABLE, good=201),
)
async def issue(request: Request) -> Response:
    _, key_hash = await holder_of(request)
    ticket = await Tickets(gateway_of(request).broker.cell).issue(key_hash or "")  # while none is asked for: unused
    body: Ticket = {"ticket": ticket, "expires_in": TICKET_SECONDS}
    return JSONResponse(body, 201, {"Cache-Control": "no-store"})
