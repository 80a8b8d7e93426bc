"""A process group that does not outlive the process that made it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack import reaper


@dataclass(frozen=True, slots=True)
class Group:
    id: int  # for subprocess's `process_group`
    directory: Path  # private (0700) and short enough for the path of a socket


@contextmanager
def process_group() -> Iterator[Group]:
    """At the end, or when this process is killed, what runs in the group is ended, the directory removed.

    A Ctrl-C in the terminal does not reach the group.
    """
    directory = tempfile.mkdtemp(prefix="bff-")
    leader = subprocess.Popen(
        [sys.executable, "-I", "-S", reaper.__file__, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        process_group=0,
    )
    with leader:  # leaving it closes the pipe and waits
        yield Group(leader.pid, Path(directory))
