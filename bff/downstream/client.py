"""One HTTP call to one service: whatever happens there comes back as an Outcome."""

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from time import monotonic

import httpx

from bff.catalog.model import Request
from bff.catalog.services import Service
from bff.downstream.answer import retry_after_ms, verdict_of
from bff.downstream.outcome import Outcome, Reason, Verdict
from bff.downstream.strict_json import is_strict_json
from bff.downstream.transport import DUE, ServiceTransport
from bff.failpoints import Point, failpoint
from bff.trace.context import NOWHERE, TraceContext
from bff.trace.span import NONE, Attributes, Kind, Span, span

log = logging.getLogger(__name__)

# What a path may consist of (RFC 3986), so that a parameter in it can neither leave the service's base URL
# nor start a header. Dot segments, also percent-encoded, are looked for apart.
_PATH = re.compile(r"/[\w.~!$&'()*+,;=:@%/?-]*", re.ASCII).fullmatch
_DOT_SEGMENT = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE).search

_SAME_FOR_ALL = [
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"async-bff-gateway"),
]

# Methods of which nobody expects a body (RFC 9110, 8.6).
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

# Parsing a URL costs httpx a fifth of a call; paths repeat.
_url = lru_cache(maxsize=1024)(httpx.URL)

# The rest of a refusal is read only to keep its connection: what is longer or slower is not worth it.
_DRAIN_BYTES = 65_536
_DRAIN_SECONDS = 0.1
# A service stops when the time is over that it was told. Its slot must not be free before, or it had one call too many.
STOPS_WITHIN_SECONDS = 0.1

_TIMED_OUT_UNREACHED = Outcome(Verdict.UNREACHED, 0, reason=Reason.TIMEOUT)
_TIMED_OUT = Outcome(Verdict.UNKNOWN, 0, reason=Reason.TIMEOUT)
_UNREACHED = Outcome(Verdict.UNREACHED, 0, reason=Reason.CONNECTION_FAILED)
_BROKEN = Outcome(Verdict.UNKNOWN, 0, reason=Reason.CONNECTION_BROKEN)
_NOT_BUILT = Outcome(Verdict.REFUSED, 0, reason=Reason.BAD_REQUEST)


class Downstream:
    """HTTP to every service of the catalog, each over connections of its own: a slow one fills nobody else's.

    Made inside the running event loop, closed with `aclose`. A service gets at most `max_concurrency` connections.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._loop = asyncio.get_running_loop()
        self._transports = {
            service.name: ServiceTransport(
                service.base_url,
                service.max_concurrency,
                [(b"Host", _url(service.base_url).netloc), *_SAME_FOR_ALL],
            )
            for service in services
        }

    async def perform(
        self,
        service: Service,
        request: Request,
        *,
        idempotency_key: str,
        timeout_seconds: float,
        trace: TraceContext = NOWHERE,
    ) -> Outcome:
        """Send `request` once to one of the services given above. `timeout_seconds` is what the job has left; the
        lesser of it and the service's own travels as Request-Timeout, and a tenth of a second more bounds everything
        from connecting to the last byte.
        Raises nothing but CancelledError, at once, and the place of its connection is free again.
        """
        started = monotonic()
        bound_seconds = min(service.timeout_seconds, timeout_seconds)
        called_at = _address(request.method, service.base_url)
        with span(f"{request.method} {service.name}", Kind.CLIENT, parent=trace, attributes=called_at) as called:
            try:
                sendable = _build(service, request, idempotency_key, bound_seconds, called.context.headers)
            except (TypeError, ValueError, httpx.InvalidURL):
                log.exception("cannot send what was built: a path starts with / and is percent-encoded, a body is JSON")
                called.came_to(Reason.BAD_REQUEST, failed=True)
                return _NOT_BUILT
            outcome = await self._bounded(service, sendable, bound_seconds)
            _note(called, outcome)
        return outcome.after(round(1000 * (monotonic() - started)))

    async def aclose(self) -> None:
        """Close every connection. By then, all calls must have ended."""
        for transport in self._transports.values():
            await transport.aclose()

    async def _bounded(self, service: Service, request: httpx.Request, bound_seconds: float) -> Outcome:
        if bound_seconds <= 0:
            return _TIMED_OUT_UNREACHED
        request.extensions[DUE] = self._loop.time() + bound_seconds + STOPS_WITHIN_SECONDS
        try:
            return await self._exchange(service, request)
        except httpx.PoolTimeout:
            return _TIMED_OUT_UNREACHED
        except httpx.ReadTimeout:
            return _TIMED_OUT
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return _UNREACHED
        except httpx.LocalProtocolError:
            return _NOT_BUILT
        except httpx.TransportError:
            return _BROKEN

    async def _exchange(self, service: Service, request: httpx.Request) -> Outcome:
        response = await self._transports[service.name].handle_async_request(request)
        body = response.stream
        assert isinstance(body, httpx.AsyncByteStream)
        try:
            failpoint(Point.MID_CALL)
            verdict = verdict_of(response.status_code)
            if verdict is Verdict.SUCCEEDED:
                return await _read_success(response.status_code, body, service.max_response_bytes)
            await _drain(body)
            return Outcome(
                verdict,
                milliseconds=0,
                http_status=response.status_code,
                reason=Reason.HTTP_STATUS,
                retry_after_ms=retry_after_ms(response.headers) if verdict is Verdict.PUSHED_BACK else None,
            )
        finally:
            await body.aclose()


@lru_cache(maxsize=256)
def _address(method: str, base_url: str) -> Attributes:
    """For traces. Not the path: there may be parameters in it."""
    url = _url(base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    # The host as it is sent: httpx cannot show every name that it can send.
    return {"http.request.method": method, "server.address": url.raw_host.decode("ascii"), "server.port": port}


def _note(called: Span, outcome: Outcome) -> None:
    answered: Attributes = NONE if outcome.http_status is None else {"http.response.status_code": outcome.http_status}
    called.came_to(outcome.reason or outcome.verdict, answered, failed=outcome.verdict is not Verdict.SUCCEEDED)


def _build(
    service: Service, request: Request, idempotency_key: str, bound_seconds: float, headers: Mapping[str, str]
) -> httpx.Request:
    """Raises InvalidURL, ValueError or TypeError for what cannot be sent as it is."""
    if not _PATH(request.path) or _DOT_SEGMENT(request.path.partition("?")[0]):
        raise ValueError(f"not a path below {service.base_url}: {request.path!r}")
    url = _url(service.base_url.rstrip("/") + request.path)
    raw = [(name.encode("ascii"), _one_line(value)) for name, value in headers.items()]
    raw.append((b"Idempotency-Key", _one_line(idempotency_key)))
    raw.append((b"Request-Timeout", b"%.3f" % bound_seconds))
    content = b""
    if request.body is not None:
        content = _encode(request.body).encode()
        raw.append((b"Content-Type", b"application/json"))
    if content or request.method not in _BODILESS:
        raw.append((b"Content-Length", b"%d" % len(content)))
    # As a stream, httpx adds no header of its own.
    return httpx.Request(request.method, url, headers=raw, stream=httpx.ByteStream(content))


def _one_line(value: str) -> bytes:
    if not value.isprintable():
        raise ValueError(f"not the value of a header: {value!r}")
    return value.encode("ascii")


async def _read_success(status: int, body: httpx.AsyncByteStream, max_bytes: int) -> Outcome:
    def unknown(reason: Reason) -> Outcome:
        return Outcome(Verdict.UNKNOWN, 0, http_status=status, reason=reason)

    data = await _read(body, max_bytes)
    if data is None:
        return unknown(Reason.TOO_LARGE)
    # What comes compressed, though identity was asked for, is never inflated: it is no JSON.
    if data and not is_strict_json(data):
        return unknown(Reason.NOT_JSON)
    return Outcome(Verdict.SUCCEEDED, 0, data=data or b"null", http_status=status)


async def _read(body: httpx.AsyncByteStream, max_bytes: int) -> bytes | None:
    """All of it, or None as soon as it is known to be longer than `max_bytes`."""
    chunks, size = [], 0
    async for chunk in body:
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _drain(body: httpx.AsyncByteStream) -> None:
    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            await _read(body, _DRAIN_BYTES)
