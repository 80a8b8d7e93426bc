"""Advice for whoever waits for it: a process for each, a few at once, ended when its reader has gone."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

AT_ONCE = 2


class Adviser:
    def __init__(self, services_file: Path) -> None:
        self._argv = ("-P", "-m", "simulator.page.advise", str(services_file.resolve()))
        self._room = asyncio.Semaphore(AT_ONCE)

    async def lines(self, scenario: str) -> AsyncGenerator[bytes, None]:
        """As advise.py writes them. The scenario is known to be good."""
        async with self._room:
            process = await asyncio.create_subprocess_exec(sys.executable, *self._argv, stdin=PIPE, stdout=PIPE)
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(scenario.encode())
                process.stdin.close()
                async for line in process.stdout:
                    yield line
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
