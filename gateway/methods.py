"""HTTP methods where the framework leaves something out: HEAD, and an Allow that is complete."""

from starlette.requests import Request
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

_KNOWN = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadAsGet:
    """Pure ASGI middleware: HEAD is GET whose body the server leaves out (RFC 9110, 9.3.2).

    `head` in the scope tells those whose body has no end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", "head": True}
        await self._app(scope, receive, send)


def allowed_methods(request: Request) -> list[str]:
    """What the path of this request can be asked with, over all routes that have it."""
    methods = [method for method in _KNOWN if _matches(request, method)]
    return ["GET", "HEAD", *methods[1:]] if "GET" in methods else methods


def _matches(request: Request, method: str) -> bool:
    scope = {"type": "http", "path": request.scope["path"], "method": method, "headers": [], "root_path": ""}
    routes = (route for route in request.app.routes if not isinstance(route, Mount))  # which says so itself
    return any(route.matches(scope)[0] is Match.FULL for route in routes)
