"""Shows a run while it goes on: a few lines that are drawn again and again, or, where nobody sits, one now and then."""

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from loadtest.progress import Progress, Truth
from loadtest.watch.frame import Counts, Frame
from loadtest.watch.truth import Metrics
from scenario.stage import Stage

DRAWN_SECONDS = 0.25
SAID_SECONDS = 10.0
RATES_SECONDS = 2.0
"""Over which rates are taken."""
COLUMNS = 80


class LiveView:
    """On `stream`, which is stderr: what a run prints is for other programs."""

    def __init__(
        self, stage: Stage, metrics: Metrics, stream: TextIO, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._stage = stage
        self._metrics = metrics
        self._stream = stream
        self._drawn = 0
        self._past: deque[Counts] = deque()
        self._live = stream.isatty() and not environment.get("CI") and environment.get("TERM") != "dumb"
        self._colour = not environment.get("NO_COLOR")
        self._blocks = _can_show("█·", stream)

    async def watch(self, progress: Progress) -> None:
        """Until cancelled; then the terminal is as it was."""
        self._past.append(Counts.of(progress))
        # One thread: a terminal that was stopped keeps whoever writes, and must not keep the sender.
        with ThreadPoolExecutor(1) as writer:
            loop = asyncio.get_running_loop()
            try:
                while True:
                    await asyncio.sleep(DRAWN_SECONDS if self._live else SAID_SECONDS)
                    frame = self.frame(progress)
                    text = self._redrawn(frame) if self._live else f"{frame.line()}\n"
                    await loop.run_in_executor(writer, self._write, text)
            finally:
                await loop.run_in_executor(writer, self._write, self._erased())

    def truth(self) -> Truth | None:
        return None

    def frame(self, progress: Progress) -> Frame:
        now = Counts.of(progress)
        while len(self._past) > 1 and now.at - self._past[1].at >= RATES_SECONDS:
            self._past.popleft()
        rates = now.per_second(self._past[0]) if self._past else now.per_second(now)
        self._past.append(now)
        scenario, service = self._stage.scenario, self._stage.bottleneck.service
        return Frame(
            scenario=scenario.name,
            service=service.name,
            capacity=service.capacity,
            patience=scenario.clients.timeout_seconds,
            progress=progress,
            rates=rates,
            standing=self._metrics.latest(progress.at),
            said=self._metrics.scrapes.said,
        )

    def _redrawn(self, frame: Frame) -> str:
        lines = frame.lines(_columns(self._stream), colour=self._colour, blocks=self._blocks)
        text = self._erased() + "".join(f"{line}\n" for line in lines)
        self._drawn = len(lines)
        return text

    def _erased(self) -> str:
        drawn, self._drawn = self._drawn, 0
        return f"\r\x1b[{drawn}A\x1b[J" if drawn else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _columns(stream: TextIO) -> int:
    """As of now: windows change."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or COLUMNS
    except OSError:
        return COLUMNS


def _can_show(text: str, stream: TextIO) -> bool:
    try:
        text.encode(stream.encoding)
    except UnicodeEncodeError:
        return False
    return True
