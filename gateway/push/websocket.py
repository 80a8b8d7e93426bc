"""GET /v1/ws. A plain ASGI endpoint: through FastAPI every idle socket costs half as much memory again."""

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bff.broker.job_id import new_job_id
from bff.catalog.clients import PUBLIC, Client, hash_of
from gateway import problems
from gateway.gateway import Gateway, gateway_of
from gateway.identity import bearer, is_operators, origin_allowed
from gateway.problems import Problem
from gateway.push.messages import SUBPROTOCOL, WEBSOCKET_PATH, Close
from gateway.push.socket import Socket
from gateway.push.waiters import Channel

_TOKENS = frozenset({"access_token", "api_key", "apikey", "authorization", "key", "ticket", "token"})


class _Refused(Exception):
    """Before accepting, a server can only say HTTP 403: so it is accepted, and closed with `code`."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def upgrade_required(request: Request) -> Response:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    raise Problem(problems.UPGRADE_REQUIRED, "This address answers WebSockets of RFC 6455 only.", headers=headers)


class SocketsAside:
    """Pure ASGI middleware: a WebSocket goes to its endpoint at once; what routes it would be kept, 4 kB for each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._endpoint = SocketEndpoint()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = scope["type"] == "websocket" and scope["path"] == WEBSOCKET_PATH
        await (self._endpoint if socket else self._app)(scope, receive, send)


class SocketEndpoint:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        correlation_id = new_job_id()
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None,
                "headers": [(b"x-correlation-id", correlation_id.encode())],
            }
        )
        try:
            await _serve(scope, receive, send, correlation_id)
        except _Refused as refused:
            await send({"type": "websocket.close", "code": int(refused.code), "reason": str(refused)})


async def _serve(scope: Scope, receive: Receive, send: Send, correlation_id: str) -> None:
    gateway, key_hash, client, operator = _asks(scope)
    scope["headers"].clear()  # a browser sends some kB
    with gateway.waiters.one_more(Channel.WEBSOCKET) as room:
        if not room:
            raise _Refused(Close.OVERLOAD, "no more sockets can be held here")
        await Socket(gateway, send, correlation_id, key_hash, operator).serve(receive, client)


def _asks(scope: Scope) -> tuple[Gateway, str | None, Client | None, str | None]:
    """The gateway; the key's hash and whose it is, None where a ticket has to tell; or that of an operator's key.

    Raises _Refused.
    """
    connection = HTTPConnection(scope)
    gateway = gateway_of(connection)
    if SUBPROTOCOL not in scope["subprotocols"]:
        raise _Refused(Close.SUBPROTOCOL, f"the subprotocol {SUBPROTOCOL} is required")
    if not origin_allowed(connection):
        raise _Refused(Close.ORIGIN, "pages of this origin are not allowed")
    if _TOKENS & {name.lower() for name in connection.query_params}:
        raise _Refused(Close.UNAUTHORIZED, "an address gets into logs: send a header or a ticket")
    if gateway.draining.is_set():
        raise _Refused(Close.RESTART, "this gateway is shutting down")
    clients, key = gateway.clients.now(), bearer(connection)
    operator = hash_of(key) if key is not None and is_operators(gateway, hash_of(key)) else None
    if not gateway.settings.auth:
        return gateway, None, clients.by_name[PUBLIC], operator
    if key is None or operator is not None:
        return gateway, None, None, operator
    client = clients.with_hash(hash_of(key))
    if client is None:
        raise _Refused(Close.UNAUTHORIZED, "this key is not known")
    return gateway, hash_of(key), client, None
