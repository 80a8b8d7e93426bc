"""The lines that `bff up` and its parts print."""

import os
import queue
from threading import Thread
from types import TracebackType
from typing import Self

MAX_WAITING_LINES = 1_000
FLUSH_SECONDS = 2.0


class Terminal:
    """Whole lines, one after the other, from a thread: whoever stops reading them stops nothing else."""

    def __init__(self, file_descriptor: int = 1) -> None:
        self._file_descriptor = file_descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self._writer = Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.put(None)
        self._writer.join(FLUSH_SECONDS)

    def say(self, line: str) -> None:
        """What `bff up` itself has to say: little, and never dropped."""
        self._lines.put(line)

    def pass_on(self, line: str) -> None:
        """What a part prints: dropped, and counted, where it comes faster than it is read."""
        if self._lines.qsize() >= MAX_WAITING_LINES:
            self._dropped += 1
            return
        if self._dropped:
            self.say(f"({self._dropped} lines left out: they came faster than they were read)")
            self._dropped = 0
        self.say(line)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            rest = f"{line}\n".encode()
            try:
                while rest:
                    rest = rest[os.write(self._file_descriptor, rest) :]
            except OSError:
                return
