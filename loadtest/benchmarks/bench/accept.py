"""Accepting: what one POST costs, in a closed loop of 64 connections, on one core."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from loadtest.benchmarks.bench import wrk
from loadtest.benchmarks.bench.asked import Answer, Asked
from loadtest.benchmarks.bench.contestants import (
    ARQ,
    BARE,
    BARE_SERVERS,
    PEER_LIBRARIES,
    Contestant,
    Gateway,
    directory_of,
    keyed,
)
from loadtest.benchmarks.bench.figures import NOTHING, Figures, Rounds, Table, middle, short, spread, times
from loadtest.benchmarks.bench.processes import LISTENS, MEASURED_CORE, NotMeasured, Process, run, started
from loadtest.benchmarks.bench.redis_server import RedisServer, redis_server

PATH = "/v1/operations/checkout"
ALONE = "the submit script alone, by redis-benchmark"
ALONE_REQUESTS = 50_000
OVERHEARD = 200
IDLE_SECONDS = 2.0
HEAD = (
    "contestant", "accepts/s", "× bare FastAPI", "× arq", "CPU µs each", "by CPU × bare FastAPI", "by CPU × arq",
    "p50 ms", "p99 ms", "Redis CPU µs", "commands to Redis", "spread (CPU)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Serving:
    contestant: Contestant
    process: Process
    redis: RedisServer
    directory: Path
    environment: Mapping[str, str]

    def post(self, seconds: int) -> Figures:
        self.redis.empty()
        cpu, redis_cpu = self.process.cpu_seconds(), self.redis.process.cpu_seconds()
        load = self._load(seconds)
        each = 1e6 / load.requests
        return {
            "per_second": load.requests / load.seconds,
            "cpu_us": each * (self.process.cpu_seconds() - cpu),
            "redis_cpu_us": each * (self.redis.process.cpu_seconds() - redis_cpu),
            "p50_ms": load.p50_ms,
            "p99_ms": load.p99_ms,
        }

    def commands(self) -> float:
        """That it sends to Redis for each request, less what it sends anyway.

        Raises NotMeasured where a request is answered otherwise than with 202: wrk counts errors alone.
        """
        self._post_once()  # which connects, and brings scripts
        with self.redis.overheard() as heard:
            time.sleep(IDLE_SECONDS)
        anyway = heard.total() / IDLE_SECONDS
        with self.redis.overheard() as heard:
            began = time.monotonic()
            for _ in range(OVERHEARD):
                self._post_once()
            took = time.monotonic() - began
        return (heard.total() - anyway * took) / OVERHEARD

    def _post_once(self) -> None:
        connection = HTTPConnection(urlsplit(self.process.url).netloc, timeout=60)
        headers = {**wrk.HEADERS, **({"Idempotency-Key": uuid4().hex} if self.contestant.keyed else {})}
        connection.request("POST", PATH, wrk.BODY, headers)
        answer = connection.getresponse()
        if answer.status != 202:
            raise NotMeasured(f"{self.contestant.name} answered {answer.status}: {answer.read()[:500]!r}")
        connection.close()

    def _load(self, seconds: int) -> wrk.Load:
        try:
            return wrk.post(self.process.url + PATH, seconds, self.directory, keyed=self.contestant.keyed)
        except NotMeasured as error:
            raise NotMeasured(f"{self.contestant.name}: {error}{''.join(self.process.said[-50:])}") from None


@contextmanager
def serving(contestant: Contestant, under: Path, environment: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """With `environment` in the place of the contestant's own, but for where its Redis is."""
    directory = directory_of(contestant, under)
    with redis_server(directory) as redis:
        if environment is None:
            environment = contestant.environment(redis, directory)
        told = {**environment, "REDIS_URL": redis.url}
        serve = contestant.serve()
        with started(serve, core=MEASURED_CORE, ready=LISTENS, environment=told, directory=directory) as process:
            yield Serving(contestant, process, redis, directory, told)


def answer(asked: Asked, under: Path) -> Answer:
    ours = [each for gateway in asked.gateways() for each in (gateway, keyed(gateway))]
    contestants = asked.wanted(*BARE_SERVERS, *ours, *PEER_LIBRARIES)
    rounds = measure(contestants, asked.rounds, asked.seconds, under)
    return Answer({"accept": rounds}, [table(rounds)])


def measure(contestants: Sequence[Contestant], rounds: int, seconds: int, under: Path) -> Rounds:
    measured: dict[str, list[Figures]] = {contestant.name: [] for contestant in contestants}
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(contestant, under)) for contestant in contestants]
        commands = {}
        for server in servers:
            commands[server.contestant.name] = server.commands()
            server.post(1)  # not counted: until it is warm
        for _ in range(rounds):
            for server in servers:
                name = server.contestant.name
                measured[name].append({**server.post(seconds), "commands": commands[name]})
        for server in servers:
            if isinstance(server.contestant, Gateway) and not server.contestant.keyed:
                named = f"{ALONE} ({server.contestant.name})"
                measured[named] = [alone(server, server.contestant) for _ in range(rounds)]
    return measured


def alone(server: Serving, gateway: Gateway) -> Figures:
    """What Redis itself does of the gateway's submits."""
    server.redis.empty()
    command = json.loads(run(gateway.jobs("command"), core=MEASURED_CORE, environment=server.environment))
    load = f"-p {server.redis.port} -c 64 -P 16 -n {ALONE_REQUESTS} -r 2000000000 --csv"
    cpu = server.redis.process.cpu_seconds()
    said = run(["redis-benchmark", *load.split(), *command], core=MEASURED_CORE)
    us = 1e6 * (server.redis.process.cpu_seconds() - cpu) / ALONE_REQUESTS
    values = [float(value) for value in re.findall(r'"([\d.]+)"', said.splitlines()[-1])]
    with server.redis.client() as redis:
        if (made := int(redis.zcard("bff:{c0}:deadlines"))) < 0.99 * ALONE_REQUESTS:
            raise NotMeasured(f"{ALONE_REQUESTS} submits made {made} jobs")
    server.redis.empty()
    return {"per_second": values[0], "redis_cpu_us": us}


def table(rounds: Rounds) -> Table:
    rows = [_alone(name, each) if name.startswith(ALONE) else _row(rounds, name) for name, each in rounds.items()]
    return Table("accept", "Accepting", HEAD, rows)


def _row(rounds: Rounds, name: str) -> list[str]:
    own = rounds[name]
    return [
        name,
        short(middle(own, "per_second")),
        times(rounds, name, BARE, "per_second"),
        times(rounds, name, ARQ.name, "per_second"),
        short(middle(own, "cpu_us")),
        times(rounds, name, BARE, "cpu_us", inverse=True),
        times(rounds, name, ARQ.name, "cpu_us", inverse=True),
        short(middle(own, "p50_ms")),
        short(middle(own, "p99_ms")),
        short(middle(own, "redis_cpu_us")),
        short(middle(own, "commands")),
        f"{spread(own, 'cpu_us'):.0%}",
    ]


def _alone(name: str, own: Sequence[Figures]) -> list[str]:
    rate, us = short(middle(own, "per_second")), short(middle(own, "redis_cpu_us"))
    return [name, rate, *[NOTHING] * 7, us, "1.00", f"{spread(own, 'redis_cpu_us'):.0%}"]
