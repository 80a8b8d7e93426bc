"""Metrics on a port of their own, where that is asked for: whoever reaches the API then does not reach them."""

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from gateway import problems

ON_THE_METRICS_PORT = frozenset({"/metrics", "/livez", "/readyz"})


class MetricsApart:
    """Pure ASGI middleware: `port` answers these three and nothing else, every other port anything but /metrics."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            here = scope["server"][1] == self._port
            path = scope["path"]
            if path not in ON_THE_METRICS_PORT if here else path == "/metrics":
                await _nothing_here(scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _nothing_here(scope: Scope) -> ASGIApp:
    if scope["type"] == "websocket":
        return WebSocketClose()
    return problems.nothing_here().response(scope["path"], scope["correlation_id"])
