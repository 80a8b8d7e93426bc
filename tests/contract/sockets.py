"""A client of the WebSocket, as an application would write one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.contract.calls import Json

OURS = Subprotocol("bff.v1+json")


def address_of(url: str) -> str:
    return str(httpx.URL(url).copy_with(scheme="ws", path="/v1/ws"))


class Client:
    """Speaks in messages."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type_: str, **members: Any) -> None:
        await self.connection.send(json.dumps({"type": type_, **members}))

    async def hear(self) -> Json:
        text = await self.connection.recv()
        assert isinstance(text, str)
        message: Json = json.loads(text)
        return message

    async def subscribe(self, job_id: str, **members: Any) -> Json:
        """The first answer."""
        await self.say("subscribe", id=job_id, **members)
        return await self.hear()

    async def until_done(self) -> list[Json]:
        """All up to `done`, which is left out."""
        heard = []
        while (message := await self.hear())["type"] != "done":
            heard.append(message)
        return heard

    async def closed(self) -> tuple[int, list[Json]]:
        """The code that the gateway closes with, and what it said before."""
        heard = []
        try:
            while True:
                heard.append(await self.hear())
        except ConnectionClosed as closed:
            return (closed.rcvd.code if closed.rcvd else 1006), heard


@asynccontextmanager
async def socket(url: str, **options: Any) -> AsyncIterator[Client]:
    options = {"subprotocols": [OURS], "compression": None, "proxy": None} | options
    async with connect(address_of(url), **options) as connection:
        yield Client(connection)
