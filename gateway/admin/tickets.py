"""Tickets with which operators watch over a WebSocket: a browser can send no header with one."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bff.broker.tickets import TICKET_SECONDS, OperatorTickets
from gateway.admin.answer import REFUSED, answer
from gateway.gateway import gateway_of
from gateway.identity import require_admin
from gateway.schemas.openapi import described
from gateway.tickets import Ticket

router = APIRouter(prefix="/admin/v1/ws-tickets", tags=["Operators"])


@router.post(
    "",
    operation_id="issue_operator_ticket",
    summary="A ticket to watch over one WebSocket, for the message `watch`",
    status_code=201,
    responses=described(Ticket, {}, *REFUSED, good=201),
)
async def issue(request: Request) -> Response:
    key_hash = await require_admin(request)
    ticket = await OperatorTickets(gateway_of(request).broker.cell).issue(key_hash)
    body: Ticket = {"ticket": ticket, "expires_in": TICKET_SECONDS}
    return answer(body, 201)
