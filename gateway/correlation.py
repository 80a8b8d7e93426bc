"""What every response carries: X-Correlation-ID, the job's where there is one, else the HTTP request's own; nosniff."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.broker.job_id import new_job_id
from bff.trace.span import know

_HEADER = b"x-correlation-id"
NOSNIFF = (b"x-content-type-options", b"nosniff")


class Correlation:
    """Pure ASGI middleware: it adds the header and sees to nothing else, so that a client that hangs up is noticed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["correlation_id"] = request_id = new_job_id()
        know(correlation_id=request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                if _HEADER not in dict(headers):
                    headers.append((_HEADER, request_id.encode()))
                headers.append(NOSNIFF)
            await send(message)

        await self._app(scope, receive, send_with_id)


def correlation_id(request: Request) -> str:
    """The HTTP request's own id; a job that it asks for gets the same."""
    return str(request.scope["correlation_id"])
