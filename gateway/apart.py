"""Metrics on a port of their own, where that is asked for: whoever reaches the API then does not reach them."""

from starlette.types import ASGIApp, Receive, Scope, Send

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
                scope = {**scope, "path": "/not-on-this-port", "raw_path": b"/not-on-this-port"}
        await self._app(scope, receive, send)
