"""One connection to Redis for everything in one event loop, and one write for all that a tick of it asks."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import NoScriptError

from bff.broker.errors import BrokerUnavailable
from bff.broker.link import Link, Reply, connect, dialer, fail
from bff.broker.script import Script

Argument = str | bytes | int | float


class Pipeline:
    """Commands from any number of callers, coalesced; replies come as Redis sends them, undecoded.

    Connects when first used, and again with the first command after the connection was lost. Nothing is
    ever sent twice, but what Redis said it does not know (NOSCRIPT): a command whose reply got lost may have
    been executed, and only its caller knows whether a repetition is harmless.

    A command without a reply raises BrokerUnavailable, at the latest the sum of both timeouts after it was
    issued. A caller that is cancelled disturbs no other; what was not sent by then is never sent.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 2.0,
        connect_timeout_seconds: float = 1.0,
        max_in_flight: int = 10_000,
    ) -> None:
        self.commands = 0
        self.writes = 0
        self._dial = dialer(url)
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._max_in_flight = max_in_flight
        self._unsent: list[tuple[Reply, bytes]] = []
        self._link: Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._loading: set[str] = set()
        self._closed = False

    async def execute(self, *command: Argument) -> Any:
        """One command's reply: bytes, int, None or a list of them; or ResponseError if it is a wrong one."""
        return await self._issue(command)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """The script's reply; it is loaded first where Redis does not have it (any more)."""
        call = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        for _ in range(3):  # a second time if Redis restarts in between
            try:
                return await self._issue(call)
            except NoScriptError:
                await self._load(script)
        raise BrokerUnavailable(f"Redis does not keep the script {script.name!r}")

    async def aclose(self) -> None:
        """Close the connection for good; whoever still waits gets BrokerUnavailable."""
        self._closed = True
        why = "the connection to Redis is closed"
        fail(self._unsent, why)
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._link is not None:
            await self._link.aclose(why)

    async def _load(self, script: Script) -> None:
        # Who comes while another loads it need not wait: on one connection its call is behind the load.
        if script.sha in self._loading:
            return
        self._loading.add(script.sha)
        try:
            loaded = self._issue(("SCRIPT", "LOAD", script.source))
            loaded.add_done_callback(asyncio.Future.exception)  # asked for, should nobody else
            # Shielded: the others count on its being sent, whatever becomes of this caller.
            await asyncio.shield(loaded)
        finally:
            self._loading.discard(script.sha)

    def _issue(self, command: tuple[Argument, ...]) -> Reply:
        if self._closed:
            raise BrokerUnavailable("the connection to Redis is closed")
        in_flight = self._link.in_flight if self._link else 0
        if len(self._unsent) + in_flight >= self._max_in_flight:
            raise BrokerUnavailable(f"{self._max_in_flight} commands wait for Redis already")
        loop = asyncio.get_running_loop()
        reply = loop.create_future()
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # whose stub knows tuples of one only
        self._unsent.append((reply, packed))
        if len(self._unsent) == 1:  # the others of this tick, or while connecting, go with the first
            loop.call_soon(self._flush)
        return reply

    def _flush(self) -> None:
        if not self._unsent:  # closed meanwhile
            return
        if self._link is None or self._link.lost:
            self._connecting = asyncio.create_task(self._connect())
            return
        batch = [command for command in self._unsent if not command[0].done()]
        self._unsent.clear()
        if batch:
            self.commands += len(batch)
            self.writes += 1
            self._link.send(batch)

    async def _connect(self) -> None:
        try:
            self._link = await connect(
                self._dial(),
                connect_timeout_seconds=self._connect_timeout_seconds,
                timeout_seconds=self._timeout_seconds,
            )
        except BrokerUnavailable as error:
            fail(self._unsent, str(error))
        else:
            self._flush()
