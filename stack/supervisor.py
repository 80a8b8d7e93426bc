"""Brings the parts up, keeps them running, and stops them in order."""

import asyncio
import signal
import time
from collections.abc import Iterable

from stack.parts import Part, Role
from stack.running import Running, start
from stack.terminal import Terminal

RESTART_SECONDS = 1.0  # at least, from one start of a part to the next


class Supervisor:
    def __init__(self, terminal: Terminal, group_id: int) -> None:
        self._terminal = terminal
        self._group_id = group_id
        self._running: dict[str, Running] = {}

    async def bring_up(self, parts: Iterable[Part]) -> None:
        """Start all, then wait until each is ready. Raises PartFailed where one ends before that."""
        started = [await self._start(part) for part in parts]
        await asyncio.gather(*(running.until_ready() for running in started))
        for running in self._running.values():
            await running.raise_if_dead()

    async def keep_up(self) -> None:
        """Start again whatever ends. Never returns."""
        await asyncio.gather(*(self._keep(running) for running in self._running.values()))

    async def stop(self) -> None:
        for role in Role:
            await asyncio.gather(*(self._stop(running) for running in self._of(role)))

    def kill(self) -> None:
        for running in self._running.values():
            running.send(signal.SIGKILL)

    async def _start(self, part: Part) -> Running:
        running = await start(part, self._terminal, self._group_id)
        self._running[part.name] = running
        return running

    async def _keep(self, running: Running) -> None:
        while True:
            how = await running.ended()
            last_lines = running.tail() if running.part.quiet else ""
            self._terminal.say(f"{running.part.name} {how}; starting it again{last_lines}")
            await asyncio.sleep(running.since + RESTART_SECONDS - time.monotonic())
            running = await self._start(running.part)

    async def _stop(self, running: Running) -> None:
        if not await running.stop():
            self._terminal.say(f"{running.part.name} did not stop in time and was killed")

    def _of(self, role: Role) -> list[Running]:
        return [running for running in self._running.values() if running.part.role is role]
