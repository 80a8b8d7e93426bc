"""The project's own commands as processes, as a client meets them: by their output and by HTTP."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

LISTENS = re.compile(r"gateway listens on (http://[\w.:]+)")


class Command:
    """`bff …`, with what it has printed so far."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stack", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.seen: list[str] = []
        self._told_to_end = False
        self._reader = Thread(target=self._read_on)

    def until(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Read up to the first line that has it; the rest is read in the background, so that the pipe never fills."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.seen.append(line.rstrip("\n"))
            if found := pattern.search(line):
                self._reader.start()
                return found
        raise AssertionError(f"{pattern.pattern!r} never came: {self.seen}")

    def tell_to_end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Once: in the last moment of a process nobody handles the signal any more."""
        if not self._told_to_end and self.process.poll() is None:
            self.process.send_signal(number)
        self._told_to_end = True

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code. An error that was not foreseen leaves its trace in the log: there must be none."""
        self.tell_to_end(number)
        code = self.process.wait(timeout=60)
        if self._reader.ident is not None:
            self._reader.join()
        if self.process.stdout:
            self.process.stdout.close()
        assert not [line for line in self.seen if "Traceback" in line], "\n".join(self.seen)
        return code

    def _read_on(self) -> None:
        assert self.process.stdout
        self.seen.extend(line.rstrip("\n") for line in self.process.stdout)


class Up(Command):
    """A whole `bff up`, ready; without the simulator, which has tests of its own."""

    def __init__(self) -> None:
        super().__init__("up", "--port=0", "--mock-port=0", "--metrics-port=0", "--no-simulator")
        self.until(re.compile("^ready$"))
        places = dict(line.split()[:2] for line in self.seen if "   " in line and "|" not in line)
        self.redis_url = places["redis"]
        self.mock_url = places["mock"]
        self.gateway_url = places["gateway"]
        self.worker_url = places["worker"]


class Gateway(Command):
    """One gateway alone, listening; it need not be ready."""

    def __init__(self, redis_url: str, *options: str) -> None:
        super().__init__("gateway", "--port=0", f"--redis-url={redis_url}", *options)
        self.url = self.until(LISTENS)[1]


@contextmanager
def gateway(redis_url: str, *options: str) -> Iterator[Gateway]:
    """A gateway for the length of a test, ended by SIGTERM where it has not been."""
    started = Gateway(redis_url, *options)
    try:
        yield started
    finally:
        assert started.end() == 0


@contextmanager
def worker(redis_url: str, *options: str) -> Iterator[Command]:
    """A worker for the length of a test, from when it consumes."""
    started = Command("worker", "--metrics-port=0", f"--redis-url={redis_url}", *options)
    try:
        started.until(re.compile("consumes"))
        yield started
    finally:
        assert started.end() == 0
