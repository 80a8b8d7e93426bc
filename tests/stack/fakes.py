"""`bff up` as a process, with gateways, workers and a simulator that do as they are told."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

FAKE_SETTINGS = """
from pydantic import Field
from pydantic_settings import BaseSettings

class GatewaySettings(BaseSettings):
    host: str = Field("127.0.0.1", validation_alias="FAKE_HOST")
    port: int = Field(0, validation_alias="FAKE_PORT")
    metrics_port: int = Field(0, validation_alias="FAKE_METRICS_PORT")
    redis_url: str = Field("", validation_alias="REDIS_URL")

WorkerSettings = SimulatorSettings = GatewaySettings
"""

# What FAKE_PARTS holds decides how it behaves: `gateway fails`, `worker stays`, `worker talks`.
FAKE_MAIN = """
import http.server, os, signal, sys, threading

NAME = {name!r}

def behaves(how):
    return f"{{NAME}} {{how}}" in os.environ.get("FAKE_PARTS", "")

def on_term(*_):
    if behaves("stays"):
        print("stays", flush=True)
    else:
        os.write(1, b"stops\\n")
        os._exit(0)

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

def talk():
    for _ in range(20_000):
        print("x" * 1000)

def run(settings):
    signal.signal(signal.SIGTERM, on_term)
    print(f"pid={{os.getpid()}} redis={{settings.redis_url}}", flush=True)
    if behaves("fails"):
        sys.exit("there is no such thing")
    if behaves("talks"):
        threading.Thread(target=talk, daemon=True).start()
    address = (settings.host, settings.port or settings.metrics_port)
    http.server.ThreadingHTTPServer(address, Ready).serve_forever()
"""


FREE_PORTS = ("--port=0", "--mock-port=0", "--metrics-port=0", "--simulator-port=0")


class Up:
    """A `bff up` with a real Redis and mock; the rest are fakes."""

    def __init__(self, fakes: Path, *options: str, behaviour: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stack", "up", *FREE_PORTS, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(fakes), "FAKE_PARTS": behaviour},
        )
        self.seen: list[str] = []

    def line(self, with_text: str) -> str:
        """Read on to the first line that contains it."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.seen.append(line.rstrip("\n"))
            if with_text in line:
                return self.seen[-1]
        raise AssertionError(f"{with_text!r} never came; {self.seen} {self.end()}")

    def until_ready(self) -> None:
        while self.line("ready") != "ready":
            pass

    def end(self, number: signal.Signals | None = None) -> tuple[int, str]:
        """Wait for its end and its reaper's, which holds the same stderr; its exit code and last words."""
        if number:
            self.process.send_signal(number)
        rest, errors = self.process.communicate()
        self.seen += rest.splitlines()
        return self.process.returncode, errors

    def end_left_over(self) -> None:
        if self.process.stdout and not self.process.stdout.closed:
            self.end(signal.SIGKILL)


def write_fakes(directory: Path) -> None:
    for package, name in (("gateway", "gateway"), ("workers", "worker"), ("simulator/page", "simulator")):
        (directory / package).mkdir(parents=True)
        (directory / package / "__init__.py").touch()
        (directory / package / "settings.py").write_text(FAKE_SETTINGS)
        (directory / package / "main.py").write_text(FAKE_MAIN.format(name=name))
    (directory / "simulator" / "__init__.py").touch()


def pid_in(line: str) -> int:
    return int(_after("pid=", line))


def redis_url_in(line: str) -> str:
    return _after("redis=", line)


def living(group: int) -> list[str]:
    """The processes of a group. A zombie is none: some systems' init takes its time."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [row[-1] for row in rows if int(row[0]) == group and not row[1].startswith("Z")]


def _after(label: str, line: str) -> str:
    found = re.search(rf"{label}(\S+)", line)
    assert found, line
    return found[1]
