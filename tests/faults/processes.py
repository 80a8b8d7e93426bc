"""The parts of a stack as processes of their own, for a test to kill, freeze and start again."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from redis import Redis

from stack.redis_server import find_redis_server, url_of

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
"""With what must come, however slow the machine is: no promise, so that none is measured by it."""
LAST_LINES = 12


class Process:
    """One process; what it prints goes to a file, and comes with a failure."""

    def __init__(self, argv: list[str], log: Path, **environment: str) -> None:
        self.log = log
        with log.open("ab") as output:
            # Python ignores SIGXFSZ, and so do what it starts: a file that may not grow is an error, and no death.
            self._process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                restore_signals=False,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def exit_code(self) -> int:
        """Wait for its end."""
        return self._process.wait(PATIENCE_SECONDS)

    def last_words(self) -> str:
        """Whether it is alive, and the end of what it printed: for a failure that nobody can look at any more."""
        state = "alive" if self.alive else f"ended with {self._process.returncode}"
        lines = self.log.read_text().splitlines()[-LAST_LINES:]
        return f"{self.log.name}, {state}:\n" + "".join(f"    {line}\n" for line in lines)

    @property
    def stopped(self) -> bool:
        """By SIGSTOP, until SIGCONT."""
        return os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG) is not None

    def said(self, pattern: str) -> "re.Match[str]":
        """Wait until it has printed that."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            if found := re.search(pattern, self.log.read_text()):
                return found
            assert self.alive, self.log.read_text()
            time.sleep(0.01)
        raise AssertionError(f"{pattern!r} was never said: {self.log.read_text()}")


class RedisProcess:
    """A redis-server that keeps its data where it was, however often it is killed.

    `url` is where the next process is told to find it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.socket = directory / "redis.sock"
        self.url = url_of(self.socket)
        self.client: Any = Redis.from_url(self.url)

    def start(self, *options: str) -> None:
        """`options` win over the usual ones."""
        argv = find_redis_server().argv(self.socket, self._directory)
        # fsync every second, as shipped, may lose the last second of a killed server: that is the README's promise.
        self.process = Process([*argv, "--appendfsync", "always", *options], self._directory / "redis.log")
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self.process.alive, self.process.log.read_text()
            assert time.monotonic() < give_up_at
            time.sleep(0.005)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except Exception:  # noqa: BLE001 not there yet, or loading
            return False


def bff(*words: str) -> list[str]:
    """The command line of `bff` with these words."""
    return [sys.executable, "-m", "stack", *words]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
