"""One connection to Redis for everything in one event loop, and one write for all that a tick of it asks."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import NoScriptError

from bff.broker.errors import BrokerUnavailable
from bff.broker.link import Link, Reply, connect, dialer, fail, tell
from bff.broker.script import Run, Script, as_batch

Argument = str | bytes | int | float

MOST_IN_BATCH = 16
"""Runs: Redis does nothing else meanwhile, and can begin with these while the next are put together."""
MOST_BYTES_IN_BATCH = 65_536
"""Of payloads, which a large one may exceed as the last: with 1 MiB each, nobody else would be served for 0.1 s."""


class Batch:
    """Runs of one script in one cell, asked for as one command. The reply to that is the reply to each of them."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._runs: list[tuple[asyncio.Future[Any], Run]] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        return len(self._runs) >= MOST_IN_BATCH or self._bytes >= MOST_BYTES_IN_BATCH

    def add(self, reply: asyncio.Future[Any], run: Run) -> None:
        self._runs.append((reply, run))
        for argument in run[1]:
            if type(argument) is bytes:
                self._bytes += len(argument)

    def command(self) -> tuple[Argument, ...]:
        """Without those whose caller is gone."""
        self._runs = [(reply, run) for reply, run in self._runs if not reply.done()]
        keys, arguments = as_batch([run for _, run in self._runs])
        return ("EVALSHA", self._script.sha, len(keys), *keys, *arguments)

    def done(self) -> bool:
        return all(reply.done() for reply, _ in self._runs)

    def set_result(self, answers: Any, /) -> None:
        if not isinstance(answers, list) or len(answers) != len(self._runs):
            raise hiredis.ProtocolError("not a reply for each run")
        for (reply, _), answer in zip(self._runs, answers, strict=True):
            tell(reply, answer)

    def set_exception(self, error: Exception, /) -> None:
        for reply, _ in self._runs:
            tell(reply, error)


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
        self._unsent: list[tuple[Reply, bytes | Batch]] = []
        self._batches: dict[tuple[str, str], Batch] = {}  # among what is unsent: those that have room
        self._to_flush = False
        self._link: Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._loading: set[str] = set()
        self._closed = False

    async def execute(self, *command: Argument) -> Any:
        """One command's reply: bytes, int, None or a list of them; or ResponseError if it is a wrong one."""
        return await self._issue(command)

    def ask(self, *command: Argument) -> asyncio.Future[Any]:
        """The same, to be awaited later: what is asked next stands behind it."""
        return self._issue(command)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """The script's reply; it is loaded first where Redis does not have it (any more).

        Runs of one that is batched go as one command, where they are asked for in one tick.
        """
        for _ in range(3):  # a second time if Redis restarts in between
            try:
                if script.batched:
                    return await self._join(script, (keys, arguments))
                return await self._issue(("EVALSHA", script.sha, len(keys), *keys, *arguments))
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
            self._batches.clear()  # they go before the load: who comes from here on is not to join them
            # Shielded: the others count on its being sent, whatever becomes of this caller.
            await asyncio.shield(loaded)
        finally:
            self._loading.discard(script.sha)

    def _issue(self, command: tuple[Argument, ...]) -> asyncio.Future[Any]:
        self._make_sure_of_room()
        reply = asyncio.get_running_loop().create_future()
        self._put(reply, _pack(command))
        if self._link is not None and not self._link.in_flight and not self._link.lost:
            self._send(self._link)  # Redis has nothing to do: it need not wait for the end of the tick
        return reply

    def _join(self, script: Script, run: Run) -> asyncio.Future[Any]:
        self._make_sure_of_room()
        reply = asyncio.get_running_loop().create_future()
        cell, _, _ = run[0][0].partition("}")  # a script works in one, that of its first key
        batch = self._batches.get((script.sha, cell))
        if batch is None:
            batch = self._batches[script.sha, cell] = Batch(script)
            self._put(batch, batch)
        batch.add(reply, run)
        if batch.full:
            del self._batches[script.sha, cell]
            if self._link is not None and not self._link.lost:
                self._send(self._link)
        return reply

    def _make_sure_of_room(self) -> None:
        if self._closed:
            raise BrokerUnavailable("the connection to Redis is closed")
        in_flight = self._link.in_flight if self._link else 0
        if len(self._unsent) + in_flight >= self._max_in_flight:
            raise BrokerUnavailable(f"{self._max_in_flight} commands wait for Redis already")

    def _put(self, reply: Reply, command: bytes | Batch) -> None:
        self._unsent.append((reply, command))
        if not self._to_flush:  # the others of this tick, or while connecting, go with the first
            self._to_flush = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        if self._unsent and (self._link is None or self._link.lost):
            self._connecting = asyncio.create_task(self._connect())
            return
        self._to_flush = False
        if self._unsent and self._link is not None:
            self._send(self._link)

    def _send(self, link: Link) -> None:
        commands: list[tuple[Reply, bytes]] = []
        for reply, command in self._unsent:
            if reply.done():
                continue
            try:
                commands.append((reply, command if isinstance(command, bytes) else _pack(command.command())))
            except (TypeError, ValueError) as error:  # of an argument of one run: nobody else is to wait in vain
                reply.set_exception(error)
        self._unsent.clear()
        self._batches.clear()
        if commands:
            self.commands += len(commands)
            self.writes += 1
            link.send(commands)

    async def _connect(self) -> None:
        why = "cannot connect to Redis"
        try:
            self._link = await connect(
                self._dial(),
                connect_timeout_seconds=self._connect_timeout_seconds,
                timeout_seconds=self._timeout_seconds,
            )
            self._flush()
        except BrokerUnavailable as error:
            why = str(error)
        finally:  # whatever else went wrong, which asyncio logs: nobody is to wait in vain
            self._to_flush = False
            self._batches.clear()
            fail(self._unsent, why)


def _pack(command: tuple[Argument, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # whose stub knows tuples of one only
    return packed
