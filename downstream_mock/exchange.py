"""One HTTP exchange with a caller, over ASGI: what was asked, and every way to answer it well or badly."""

import asyncio
import json
import math
import time
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

RESET_EXTENSION = "downstream_mock.reset"
MAX_BODY_BYTES = 1 << 20
MAX_KEY_LENGTH = 255
DRIP_SECONDS = 0.25
NO_DEADLINE = math.inf
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refused(Exception):
    """The call is none that the service can start on."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def to_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def error(status: int, reason: str, *headers: tuple[bytes, bytes], **more: Any) -> Answer:
    return Answer(status, to_json({"error": reason, **more}), headers)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the caller's headers ask: once per key, and until when by `time.monotonic()`."""

    key: str | None
    expires_at: float

    @property
    def remaining_seconds(self) -> float:
        return self.expires_at - time.monotonic()

    @property
    def timeout_seconds(self) -> float | None:
        return None if self.expires_at == NO_DEADLINE else self.remaining_seconds


def read_terms(scope: Scope) -> Terms:
    key, expires_at = None, NO_DEADLINE
    for name, value in scope["headers"]:
        if name == b"idempotency-key":
            key = _key(value.decode("latin-1"))
        elif name == b"request-timeout":
            expires_at = time.monotonic() + _seconds(value.decode("latin-1"))
    return Terms(key, expires_at)


def _key(value: str) -> str:
    if not 0 < len(value) <= MAX_KEY_LENGTH:
        raise Refused(error(400, f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters"))
    return value


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise Refused(error(400, "Request-Timeout must be a number of seconds, such as 2.5"))
    return min(seconds, _DAY_SECONDS)


class Exchange:
    __slots__ = ("_receive", "_scope", "_send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read_body(self) -> bytes:
        body = bytearray()
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise Refused(error(400, "the body ended early"))
            body += event["body"]
            if len(body) > MAX_BODY_BYTES:
                raise Refused(error(413, f"a body may have at most {MAX_BODY_BYTES} bytes"))
            if not event["more_body"]:
                return bytes(body)

    async def reply(self, answer: Answer) -> None:
        await self._start(answer)
        await self._send({"type": "http.response.body", "body": answer.body})

    async def drip(self, answer: Answer, terms: Terms) -> bool:
        """Byte by byte, while the caller stays and its deadline lets it: True when all of it was sent."""
        await self._start(answer)
        last = len(answer.body) - 1
        for at in range(last):
            await self._send_part(answer.body[at : at + 1])
            # Settled before the wait: uvloop's timers may fire a millisecond early, with time left over.
            is_last_wait = terms.remaining_seconds <= DRIP_SECONDS
            if await self.caller_leaves(min(DRIP_SECONDS, terms.remaining_seconds)):
                return False
            if is_last_wait:
                await self._break_off()
                return False
        await self._send({"type": "http.response.body", "body": answer.body[last:]})
        return True

    async def reset(self, answer: Answer) -> None:
        """Half of the answer, then a TCP reset."""
        await self._start(answer)
        await self._send_part(answer.body[: len(answer.body) // 2])
        await self._break_off()

    async def caller_leaves(self, within_seconds: float) -> bool:
        try:
            async with asyncio.timeout(None if within_seconds == NO_DEADLINE else within_seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True

    async def _start(self, answer: Answer) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def _send_part(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def _break_off(self) -> None:
        self._scope["extensions"][RESET_EXTENSION]["reset"]()
        # uvicorn takes an answer that stops short for a bug, unless it knows that the caller is gone.
        await self.caller_leaves(NO_DEADLINE)
