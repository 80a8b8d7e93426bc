"""A terminal, as far as a live view uses one: what stands on it in the end."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_PIECE = re.compile(r"\x1b\[(\d*)([AJKm])|\x1b\[(\d+)m|(\r)|(\n)|([^\x1b\r\n]+)")


class Screen:
    """`seen` is all that was ever written; `lines` what stands there now."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.seen = ""
        self._leader, self._follower = pty.openpty()
        fcntl.ioctl(self._follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.set_blocking(self._leader, False)

    def stream(self) -> TextIO:
        return os.fdopen(os.dup(self._follower), "w", encoding="utf-8")

    def read(self) -> str:
        """What was written so far."""
        try:
            while chunk := os.read(self._leader, 65536):
                self.seen += chunk.decode()
        except BlockingIOError:
            pass
        return self.seen

    @property
    def lines(self) -> list[str]:
        rows, row, column = [""], 0, 0
        for found in _PIECE.finditer(self.read()):
            text = found[0]
            if text == "\r":
                column = 0
            elif text == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif text.endswith("A"):
                row -= int(found[1] or 1)
            elif text.endswith("J"):
                rows = [*rows[:row], rows[row][:column]]
            elif not text.startswith("\x1b"):
                assert column + len(text) <= self.columns, f"{text!r} does not fit"
                rows[row] = rows[row][:column].ljust(column) + text + rows[row][column + len(text) :]
                column += len(text)
        return [line for line in rows if line]

    def close(self) -> None:
        os.close(self._leader)
        os.close(self._follower)


@contextmanager
def screen(columns: int = 100) -> Iterator[Screen]:
    opened = Screen(columns)
    try:
        yield opened
    finally:
        opened.close()
