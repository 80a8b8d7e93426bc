"""What one POST to the submit route costs, by the way that the route is built: the facts of ADR 0003.

    python loadtest/benchmarks/submit_route.py

Each variant of `submit_route_variants.py` is served by a uvicorn of its own on the first core; wrk (with 64
connections) and a redis-server share the second. Contestants take turns, round by round. The table shows medians;
a ratio is the median of the rounds' ratios. Linux only: it pins processes and reads their CPU from /proc.
"""

import argparse
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import uvicorn
from submit_route_variants import BARE_ASGI, PATH, VARIANTS, app_of

SERVER_CORE, CLIENT_CORE = 0, 1
BASE = "bare FastAPI POST, no Redis"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
BODY = '{"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}'
HEADERS = {
    "Content-Type": "application/json",
    "Prefer": "respond-async",
    "Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    "Request-Priority": "normal",
    "Request-Timeout": "30",
}
WRK_SCRIPT = f"""
wrk.method = "POST"
wrk.body = [[{BODY}]]
wrk.headers = {{ {", ".join(f'["{name}"] = "{value}"' for name, value in HEADERS.items())} }}
"""
WRK_SCRIPT += """
function done(summary, latency)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.status + summary.errors.timeout
  print(string.format("done %d %d %d %d", summary.requests, summary.duration, latency:percentile(99), bad))
end
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    variant: str
    tune_gc: bool


@dataclass(frozen=True, slots=True)
class Measured:
    requests_per_second: float
    cpu_us_per_request: float
    p99_ms: float


def serve(contestant: Contestant, listening: socket.socket, redis_url: str) -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    app = app_of(contestant.variant, redis_url, tune_gc=contestant.tune_gc)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def running(contestant: Contestant, redis_url: str) -> Iterator["Server"]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    arguments = (contestant, listening, redis_url)
    process = multiprocessing.get_context("spawn").Process(target=serve, args=arguments, daemon=True)
    process.start()
    try:
        yield Server(process.pid or 0, listening.getsockname()[1])
    finally:
        process.terminate()
        process.join()
        listening.close()


@dataclass(frozen=True, slots=True)
class Server:
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND  # utime, stime

    def wait_until_ready(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", PATH, BODY, HEADERS)
        answer = connection.getresponse()
        if answer.status not in (200, 202):
            raise SystemExit(f"{answer.status}: {answer.read().decode()}")
        connection.close()

    def measure(self, script: Path, seconds: float) -> Measured:
        url = f"http://127.0.0.1:{self.port}{PATH}"
        load = [
            "taskset",
            "-c",
            str(CLIENT_CORE),
            "wrk",
            "-t1",
            "-c64",
            f"-d{seconds}s",
            "-s",
            str(script),
            url,
        ]
        before = self.cpu_seconds()
        said = subprocess.run(load, capture_output=True, text=True, check=True).stdout
        cpu_seconds = self.cpu_seconds() - before
        requests, took_us, p99_us, bad = map(int, re.findall(r"\d+", said.rpartition("done ")[2]))
        if bad or not requests:
            raise SystemExit(f"{bad} of {requests} requests went wrong:\n{said}")
        return Measured(1e6 * requests / took_us, 1e6 * cpu_seconds / requests, p99_us / 1000)


@contextmanager
def redis_server(directory: str) -> Iterator[str]:
    path = f"{directory}/redis.sock"
    options = ["--port", "0", "--unixsocket", path, "--save", "", "--dir", directory]
    command = ["taskset", "-c", str(CLIENT_CORE), "redis-server", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not Path(path).exists():
            time.sleep(0.05)
        try:
            yield path
        finally:
            process.terminate()


def empty(redis_socket: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(redis_socket)
        connection.sendall(b"FLUSHALL\r\n")
        if not connection.recv(16).startswith(b"+OK"):
            raise SystemExit("Redis could not be emptied")


def measure_all(contestants: list[Contestant], rounds: int, seconds: float) -> dict[Contestant, list[Measured]]:
    measured: dict[Contestant, list[Measured]] = {contestant: [] for contestant in contestants}
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-"))
        script = Path(directory, "post.lua")
        script.write_text(WRK_SCRIPT)
        redis_socket = stack.enter_context(redis_server(directory))
        servers = {c: stack.enter_context(running(c, f"unix://{redis_socket}")) for c in contestants}
        for server in servers.values():
            server.wait_until_ready()
            server.measure(script, 1)  # not counted: until it is warm
        for _ in range(rounds):
            for contestant, server in servers.items():
                empty(redis_socket)
                measured[contestant].append(server.measure(script, seconds))
    return measured


def table(measured: dict[Contestant, list[Measured]]) -> Iterable[str]:
    yield "| variant | gc | requests/s | x bare FastAPI | CPU µs/request | x by CPU | p99 ms |"
    yield "|---|---|---|---|---|---|---|"
    for contestant, rounds in measured.items():
        base = measured[Contestant(BASE, contestant.tune_gc)]
        by_rate = [own.requests_per_second / other.requests_per_second for own, other in zip(rounds, base, strict=True)]
        by_cpu = [other.cpu_us_per_request / own.cpu_us_per_request for own, other in zip(rounds, base, strict=True)]
        rate = median(each.requests_per_second for each in rounds)
        cpu = median(each.cpu_us_per_request for each in rounds)
        p99 = median(each.p99_ms for each in rounds)
        gc = "tuned" if contestant.tune_gc else "default"
        yield (
            f"| {contestant.variant} | {gc} | {rate:.0f} | {median(by_rate):.2f} | {cpu:.0f} "
            f"| {median(by_cpu):.2f} | {p99:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    options = parser.parse_args()
    contestants = [Contestant(variant, tune) for tune in (False, True) for variant in (BARE_ASGI, *VARIANTS)]
    for line in table(measure_all(contestants, options.rounds, options.seconds)):
        sys.stdout.write(line + os.linesep)


if __name__ == "__main__":
    main()
