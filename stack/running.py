"""One process of a part, from its start to its end."""

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from stack.parts import Part
from stack.ready import is_ready
from stack.terminal import Terminal

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
LAST_LINES = 10
MAX_LINE_BYTES = 65_536


class PartFailed(Exception):
    """A part that did not become ready: how it ended, and its last lines."""


class Running:
    """A process, and the task that reads what it prints."""

    def __init__(self, part: Part, process: Process, terminal: Terminal) -> None:
        self.part = part
        self.since = time.monotonic()
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process = process
        self._reading = asyncio.create_task(self._read(terminal))

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def until_ready(self) -> None:
        """Raises PartFailed."""
        give_up_at = self.since + READY_SECONDS
        while not await asyncio.to_thread(is_ready, self.part.url + self.part.ready_path):
            if time.monotonic() > give_up_at:
                raise PartFailed(f"{self.part.name} is not ready after {READY_SECONDS:.0f} s{self.tail()}")
            await self.raise_if_dead()
            await asyncio.sleep(0.05)

    async def raise_if_dead(self) -> None:
        if not self.is_alive:
            raise PartFailed(f"{self.part.name} {await self.ended()} before it was ready{self.tail()}")

    async def ended(self) -> str:
        """Wait for the end; say how it was."""
        code = await self._process.wait()
        await asyncio.wait({self._reading}, timeout=1)  # a child of its own may hold the pipe for longer
        if code < 0:
            return f"was killed by {signal.Signals(-code).name} (exit code {128 - code})"
        return f"ended with exit code {code}"

    def tail(self) -> str:
        """What it printed last, to be put after a sentence about it."""
        return "".join([":", *(f"\n    {line}" for line in self.last_lines)]) if self.last_lines else ""

    async def stop(self) -> bool:
        """Whether it stopped within its grace time; where not, it was killed."""
        self.send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.ended()
                return True
        self.send(signal.SIGKILL)
        await self.ended()
        return False

    def send(self, number: signal.Signals) -> None:
        """Not by Process.send_signal: that of Python 3.11 may reap the process before asyncio does."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def _read(self, terminal: Terminal) -> None:
        assert self._process.stdout is not None
        async for line in _lines(self._process.stdout):
            self.last_lines.append(line)
            if not self.part.quiet:
                terminal.pass_on(f"{self.part.name:<9} | {line}")


async def start(part: Part, terminal: Terminal, group_id: int) -> Running:
    process = await asyncio.create_subprocess_exec(
        *part.argv,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, **part.environment},
        pass_fds=part.inherits,
        process_group=group_id,
    )
    return Running(part, process, terminal)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Of any length, but an endless one comes in pieces."""
    rest = b""
    while chunk := await stream.read(MAX_LINE_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
