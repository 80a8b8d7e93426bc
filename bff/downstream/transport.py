"""The connections to one service: aiohttp's engine under httpx's transport interface."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx
from aiohttp import ClientConnectorError, ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

CONNECTED = "connected"
"""In `request.extensions` as soon as there is a connection: from then on the request may have reached the service."""

# One lost SYN is repeated after 1 s; a host that is still silent then is down.
CONNECT_SECONDS = 2.0

# Below the defaults of the usual servers (gunicorn 2 s, uvicorn 5 s, Node 5 s or 65 s): one that closes its idle
# connections is not just doing so while we send.
KEEPALIVE_SECONDS = 1.5

CONNECT_TRIES = 3
"""Connections looked at until one is clean."""

_extensions: ContextVar[dict[str, Any]] = ContextVar("extensions of the request being sent")


class ServiceTransport(httpx.AsyncBaseTransport):
    """At most `max_connections`, each kept for a short while. Redirects, cookies and the environment are ignored.

    Made inside a running event loop. Raises httpx.ConnectError or ConnectTimeout only where nothing was sent,
    LocalProtocolError for what cannot be sent, ReadError for any other loss, an answer that is no HTTP included.
    Sets no total timeout; a cancelled request gives its connection back at once.
    """

    def __init__(self, max_connections: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=max_connections, keepalive_timeout=KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            skip_auto_headers=("Content-Type",),
            middlewares=(_once,),
            trust_env=False,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _extensions.set(request.extensions)
        try:
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
                data=await request.aread() or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, ValueError) as error:
            raise _as_httpx(error, connected=CONNECTED in request.extensions) from error
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        await self._session.close()


class _Connector(aiohttp.TCPConnector):
    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        for _ in range(CONNECT_TRIES):
            connection = await super().connect(req, traces, timeout)
            # What came in unasked would be read as the answer to this request.
            if connection.protocol is not None and not connection.protocol.should_close:
                _extensions.get()[CONNECTED] = True
                return connection
            connection.close()
        raise ClientConnectorError(req.connection_key, OSError("the service speaks before it is asked"))


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except aiohttp.ClientError as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        """Closes the connection too, unless the body was read to its end."""
        self._response.close()


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """aiohttp sends idempotent methods again when the connection breaks; here an attempt is one request."""
    try:
        return await handler(request)
    except (aiohttp.ConnectionTimeoutError, ClientConnectorError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientPayloadError(f"no answer: {error}") from error


def _as_httpx(error: Exception, *, connected: bool) -> httpx.TransportError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(str(error))
    if isinstance(error, ClientConnectorError):
        return httpx.ConnectError(str(error))
    if isinstance(error, ValueError) and not connected:
        return httpx.LocalProtocolError(str(error))
    return httpx.ReadError(str(error))
