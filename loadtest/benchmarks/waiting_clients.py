"""Clients that wait for one job each, as light as can be: raw protocols that note when they are told of its end."""

import asyncio
import base64
import json
import os
import random
import struct
import time
from collections.abc import Callable
from typing import cast

ENDED = b'"status":"succeeded"'
PING = b"\x89\x04"
"""How a ping begins; our jobs are ASCII, so nothing else does."""
MAX_BUFFERED = 16_384


class Waiter(asyncio.Protocol):
    """`ready` once it waits for certain; `told_at` by time.monotonic(), None until then."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.ready = False
        self.lost = False
        self.told_at: float | None = None
        self.transport: asyncio.Transport
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.begin()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        received = self._tail + data
        if self.told_at is None and ENDED in received:
            self.told_at = now
        self._tail = b"" if self.told_at else received[-MAX_BUFFERED:]
        self.read(received)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def begin(self) -> None:
        raise NotImplementedError

    def read(self, received: bytes) -> None:
        """What came last, and a little of what came before."""


class WebSocketWaiter(Waiter):
    def begin(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bff.v1+json\r\n"
            b"Sec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
        )
        self._subscribed = False

    def read(self, received: bytes) -> None:
        if not self._subscribed and b"\r\n\r\n" in received:
            self._subscribed = True
            self.transport.write(masked(json.dumps({"type": "subscribe", "id": self.job_id}).encode()))
        self.ready = self.ready or b'"type":"job"' in received
        # From the front: a ping's own bytes may look like the beginning of one.
        _, ping, rest = received.partition(PING)
        while ping and len(rest) >= 4:
            self.transport.write(b"\x8a\x84\0\0\0\0" + rest[:4])
            self._tail = rest[4:]
            _, ping, rest = self._tail.partition(PING)


class EventsWaiter(Waiter):
    def begin(self) -> None:
        self.transport.write(f"GET /v1/jobs/{self.job_id}/events HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())

    def read(self, received: bytes) -> None:
        self.ready = self.ready or b"event: job" in received


class LongPollWaiter(Waiter):
    """Asks again as soon as it is answered, until its job has ended. Not all of them at the same moment."""

    @property
    def wait(self) -> str:
        return f"Prefer: wait={random.uniform(10, 30):.1f}\r\n"

    def begin(self) -> None:
        self.transport.write(f"GET /v1/jobs/{self.job_id} HTTP/1.1\r\nHost: gateway\r\n{self.wait}\r\n".encode())
        self.ready = True

    def read(self, received: bytes) -> None:
        head, complete, body = received.rpartition(b"HTTP/1.1 200")[2].partition(b"\r\n\r\n")
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if complete and length and len(body) >= int(length) and self.told_at is None:
            self._tail = b""
            self.again()

    def again(self) -> None:
        self.begin()


class PollWaiter(LongPollWaiter):
    """Comes back after a second, a little sooner or later, on a connection of its own that is kept open."""

    @property
    def wait(self) -> str:
        return ""

    def again(self) -> None:
        asyncio.get_running_loop().call_later(random.uniform(0.8, 1.2), self._ask_unless_lost)

    def _ask_unless_lost(self) -> None:
        if not self.lost:
            self.begin()


WAITERS: dict[str, Callable[[str], Waiter]] = {
    "poll": PollWaiter,
    "long_poll": LongPollWaiter,
    "sse": EventsWaiter,
    "websocket": WebSocketWaiter,
}


def masked(payload: bytes) -> bytes:
    """One text frame of a client, masked with zeros."""
    length = len(payload)
    size = struct.pack("!B", 0x80 | length) if length < 126 else struct.pack("!BH", 0x80 | 126, length)
    return b"\x81" + size + b"\0\0\0\0" + payload
