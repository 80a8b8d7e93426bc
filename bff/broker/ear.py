"""One subscription connection to Redis: wishes out, what is published in."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import hiredis

from bff.broker.link import RedisConnection, opening

_INCOMPLETE: Final = object()


class Ear(asyncio.Protocol):
    """Feeds the hiredis parser straight from the transport of a connection that redis-py has opened.

    redis-py's own PubSub keeps the name of every channel that it was ever asked for: here there is one for each job.
    """

    def __init__(self, connection: RedisConnection, hear: Callable[[Any], None]) -> None:
        self.lost = asyncio.Event()
        self._connection = connection  # owns the transport: without it, it would be closed
        self._hear = hear
        self._parser = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._transport = cast(asyncio.Transport, connection._writer.transport)
        self._transport.set_protocol(self)

    def subscribe(self, channels: Iterable[str]) -> None:
        self._send("SUBSCRIBE", *channels)

    def unsubscribe(self, channels: Iterable[str]) -> None:
        self._send("UNSUBSCRIBE", *channels)

    def ping(self) -> None:
        self._send("PING")

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        try:
            while (reply := self._parser.gets()) is not _INCOMPLETE:
                if isinstance(reply, hiredis.ReplyError):  # busy, say: what was asked for has not been done
                    return self._transport.abort()
                self._hear(reply)
        except hiredis.ProtocolError:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection._close()
        self.lost.set()

    async def aclose(self) -> None:
        self._transport.abort()  # close() would wait for a frozen Redis to read what is still to be sent
        await self.lost.wait()

    def _send(self, *command: str) -> None:
        if not self._transport.is_closing():
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # as in Pipeline


async def listening(connection: RedisConnection, timeout_seconds: float, hear: Callable[[Any], None]) -> Ear:
    """Raises BrokerUnavailable."""
    async with opening(connection, timeout_seconds):
        return Ear(connection, hear)
