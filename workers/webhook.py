"""One attempt to deliver a webhook: signed, to a public address, never redirected."""

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from bff.broker.outbox import Notification
from bff.downstream.answer import retry_after_ms
from bff.policies.destination import NotAllowed, Webhook, check
from bff.trace.context import trace_of_job
from bff.wire.event import event_of
from workers.attempt import DELIVERED, Attempt, Verdict
from workers.public_internet import NotPublic, PublicResolver, public_connector
from workers.signature import signatures

TOTAL_SECONDS = 10.0
# The answer's body is read only so that the receiver can end what it has to say.
DRAIN_BYTES = 65_536
DRAIN_SECONDS = 0.2

_WHAT_WENT_WRONG: Final = (
    (NotPublic, "not-public"),
    (socket.gaierror, "no-such-host"),
    (ssl.SSLCertVerificationError, "untrusted-certificate"),
    (ssl.SSLError, "tls-failed"),
    (TimeoutError, "timeout"),
    (aiohttp.InvalidURL, "url-not-allowed"),
    (aiohttp.ClientConnectorError, "cannot-connect"),
    (aiohttp.ServerDisconnectedError, "hung-up"),
    (aiohttp.ClientError, "no-http-answer"),
    (OSError, "cannot-connect"),
)


class Webhooks:
    """Made inside the running event loop, closed with `aclose`. What is `allowed` need be neither https nor public."""

    def __init__(self, allowed: frozenset[str], ca_file: Path | None = None) -> None:
        trust = ssl.create_default_context()
        if ca_file is not None:
            trust.load_verify_locations(ca_file)
        self._allowed = allowed
        self._resolver = PublicResolver()
        options: dict[str, Any] = {"ssl": trust, "force_close": True, "limit": 0}
        self._to_public = _session(public_connector(self._resolver, **options))
        self._to_allowed = _session(aiohttp.TCPConnector(**options))

    async def send(self, webhook: Webhook, secrets: Sequence[str], notification: Notification) -> Attempt:
        """Raises nothing but CancelledError."""
        if not secrets:
            return Attempt(Verdict.FAILED, "no-secret")
        try:
            check(webhook, self._allowed)
        except NotAllowed:
            return Attempt(Verdict.REFUSED, "url-not-allowed")
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._post(webhook, secrets, notification)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Attempt(Verdict.FAILED, _said_of(error))

    async def aclose(self) -> None:
        await self._to_public.close()
        await self._to_allowed.close()
        await self._resolver.close()

    async def _post(self, webhook: Webhook, secrets: Sequence[str], notification: Notification) -> Attempt:
        session = self._to_allowed if webhook.origin in self._allowed else self._to_public
        body = event_of(notification.job)
        async with session.post(
            URL(webhook.url, encoded=True),
            data=body,
            headers=_headers(secrets, notification, body),
            allow_redirects=False,
        ) as response:
            attempt = _verdict_of(response)
            with suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await _drain(response)
            return attempt


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # bounded around all of it
        auto_decompress=False,
        trust_env=False,
    )


def _headers(secrets: Sequence[str], notification: Notification, body: bytes) -> dict[str, str]:
    message_id, timestamp = notification.job.id, int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "async-bff-gateway",
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(secrets, message_id, timestamp, body),
    }
    return headers | trace_of_job(message_id, notification.traceparent, notification.tracestate).headers


def _verdict_of(response: aiohttp.ClientResponse) -> Attempt:
    """2xx took it, 410 wants no more; all else, a redirect too, may do better later."""
    if 200 <= response.status < 300:
        return DELIVERED
    error = f"http-{response.status}"
    if response.status == 410:
        return Attempt(Verdict.UNWANTED, error)
    return Attempt(Verdict.FAILED, error, retry_after_ms(response.headers))


async def _drain(response: aiohttp.ClientResponse) -> None:
    left = DRAIN_BYTES
    while left > 0 and (chunk := await response.content.read(left)):
        left -= len(chunk)


def _said_of(error: BaseException) -> str:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    return next((said for kind, said in _WHAT_WENT_WRONG if any(isinstance(cause, kind) for cause in causes)), "failed")
