"""Processes that are measured: each on its core, and what they use of it. Linux only: it reads /proc."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from loadtest.benchmarks.peers.tally import cpu_seconds

MEASURED_CORE, DRIVING_CORE = 0, 1
LISTENS = re.compile(r"listens on (http://\S+)")
READY_SECONDS = 60.0
STOP_SECONDS = 5.0


class NotMeasured(Exception):
    """Something went another way than what was to be measured."""


@dataclass(frozen=True, slots=True)
class Process:
    """`said` is what it has printed so far; `url` is where it listens, where it said so."""

    pid: int
    url: str
    said: list[str]
    ended: Callable[[], bool]

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)


@contextmanager
def started(
    argv: Sequence[str],
    *,
    core: int,
    ready: re.Pattern[str] | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    nicer: int = 0,
) -> Iterator[Process]:
    """Until the end of the context; from the line on which `ready` is found, where that is given."""
    with subprocess.Popen(
        ["nice", "-n", str(nicer), *_on(core, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        cwd=directory,
        start_new_session=True,
    ) as process:
        _keep_nice(process.pid, nicer)
        said: list[str] = []
        try:
            found = _until_said(process, ready, said)
            url = found[1] if found and found.re.groups else ""
            yield Process(process.pid, url, said, lambda: process.poll() is not None)
        finally:
            _end(process)


def run(
    argv: Sequence[str],
    *,
    core: int,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    exits: Sequence[int] = (0,),
) -> str:
    """What a process printed that has ended well. Raises NotMeasured."""
    with subprocess.Popen(
        _on(core, argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=directory,
        start_new_session=True,
    ) as process:
        _keep_nice(process.pid)
        try:
            said, complained = process.communicate()
        finally:
            _end(process)
    if process.returncode not in exits:
        raise NotMeasured(f"{' '.join(argv)} ended with {process.returncode}:\n{said[-2000:]}{complained[-4000:]}")
    return said


def _keep_nice(session: int, nicer: int = 0) -> None:
    """A session's processes are as nice as they were made, but where the scheduler groups them, the session is not."""
    with suppress(OSError):
        Path(f"/proc/{session}/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0) + nicer))


def _on(core: int, argv: Sequence[str]) -> list[str]:
    return ["taskset", "-c", str(core), *argv]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _until_said(
    process: "subprocess.Popen[str]", ready: re.Pattern[str] | None, said: list[str]
) -> re.Match[str] | None:
    found: list[re.Match[str]] = []
    over = Event()

    def listen() -> None:
        assert process.stdout is not None
        with suppress(ValueError):  # closed at its end
            for line in process.stdout:
                said.append(line)
                if ready and not found and (match := ready.search(line)):
                    found.append(match)
                    over.set()
                del said[:-200]  # a worker that logs each job says a lot
        over.set()

    Thread(target=listen, daemon=True).start()
    if ready is None:
        return None
    over.wait(READY_SECONDS)
    if not found:
        raise NotMeasured(f"{process.args!r} did not get ready:\n{''.join(said)}")
    return found[0]


def _end(process: "subprocess.Popen[str]") -> None:
    """With all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        give_up_at = time.monotonic() + STOP_SECONDS
        while process.poll() is None and time.monotonic() < give_up_at:
            time.sleep(0.01)
