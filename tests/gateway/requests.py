"""Requests without a server: what ASGI hands over, message by message."""

import asyncio
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message


class Arriving:
    """What arrives: a body in chunks, then nothing until the client hangs up."""

    def __init__(self, *chunks: bytes, complete: bool = True) -> None:
        self.hung_up = asyncio.Event()
        last = len(chunks) - 1
        self.messages: list[Message] = [
            {"type": "http.request", "body": chunk, "more_body": not complete or number < last}
            for number, chunk in enumerate(chunks or (b"",))
        ]

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        await self.hung_up.wait()
        return {"type": "http.disconnect"}


def request(arriving: Arriving, app: FastAPI | None = None, headers: Sequence[tuple[str, str]] = ()) -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/operations/echo",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "app": app,
    }
    return Request(scope, arriving.receive)
