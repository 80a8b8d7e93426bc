"""Draining: what one worker process takes for each job of a backlog, from when it is warm to when all are done."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadtest.benchmarks.bench.asked import Answer, Asked
from loadtest.benchmarks.bench.contestants import (
    AIOHTTP,
    ARQ,
    BARE_HTTP,
    PEER_LIBRARIES,
    Bare,
    Contestant,
    Gateway,
    answering,
    directory_of,
    told,
)
from loadtest.benchmarks.bench.figures import NOTHING, Figures, Rounds, Table, middle, short, spread, times
from loadtest.benchmarks.bench.processes import DRIVING_CORE, LISTENS, MEASURED_CORE, NotMeasured, run, started
from loadtest.benchmarks.bench.redis_server import RedisServer, redis_server

PAYLOAD_BYTES = 64
OVERHEARD = 2000
PATIENCE_SECONDS = 120.0
HEAD = (
    "worker", "jobs/s", "× arq", "× bare aiohttp", "CPU µs each", "by CPU × arq", "by CPU × bare aiohttp",
    "Redis CPU µs", "commands to Redis", "spread (CPU)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Work:
    """What each job does. For each second of a round about as many are queued as are expected to be done in one."""

    name: str
    title: str
    answers_after: float | None  # seconds; None: nothing is called
    ours_per_second: int
    peers_per_second: int

    def jobs(self, contestant: Contestant, seconds: int) -> int:
        ours = isinstance(contestant, Gateway | Bare)
        return seconds * (self.ours_per_second if ours else self.peers_per_second)


WORKS = (
    Work("drain", "Draining, no-op: nothing is called", None, 4000, 1000),
    Work("drain-50ms", "Draining, calls over HTTP that take 50 ms, 100 at once (2,000/s at best)", 0.05, 1500, 800),
    Work("drain-saturated", "Draining, calls over HTTP that are answered at once, 100 at once", 0.0, 2500, 800),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where workers are measured: `downstream` is what their jobs call, if anything."""

    redis: RedisServer
    directory: Path
    downstream: str

    def measure(self, contestant: Contestant, jobs: int) -> Figures:
        self.queue(contestant, jobs)
        return self.drained(contestant, jobs)

    def drained(self, contestant: Contestant, jobs: int) -> Figures:
        """Of as many as wait, or more."""
        first, last = self.drain(contestant, jobs)
        count = last["number"] - first["number"]
        return {
            "per_second": count / (last["at"] - first["at"]),
            "cpu_us": 1e6 * (last["worker"] - first["worker"]) / count,
            "redis_cpu_us": 1e6 * (last["redis"] - first["redis"]) / count,
        }

    def commands(self, contestant: Contestant) -> float:
        """That a worker sends to Redis for each job, those of its start included."""
        self.queue(contestant, OVERHEARD)
        with self.redis.overheard() as heard:
            self.drain(contestant, OVERHEARD)
        return heard.total() / OVERHEARD

    def queue(self, contestant: Contestant, jobs: int) -> None:
        self.redis.empty()
        if argv := contestant.enqueue(jobs, PAYLOAD_BYTES):
            run(argv, core=DRIVING_CORE, environment=self._environment(contestant), directory=self.directory)

    def drain(self, contestant: Contestant, jobs: int) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The marks that the worker left at a tenth, and at the last of its jobs."""
        marks = self.directory / "marks"
        marks.unlink(missing_ok=True)
        environment = {
            **self._environment(contestant),
            "BENCH_DOWNSTREAM": f"{self.downstream}/echo" if self.downstream else "",
            **told(marks, self.redis, max(1, jobs // 10), jobs),
        }
        argv = contestant.worker(calling=bool(self.downstream))
        with started(argv, core=MEASURED_CORE, environment=environment, directory=self.directory) as process:
            give_up_at = time.monotonic() + PATIENCE_SECONDS
            while len(lines := _lines(marks)) < 2:
                if time.monotonic() > give_up_at or (process.ended() and len(_lines(marks)) < 2):
                    said = "".join(process.said[-50:])
                    raise NotMeasured(f"{contestant.name} did not drain {jobs} jobs:\n{said}")
                time.sleep(0.01)
        first, last = map(json.loads, lines)
        return first, last

    def _environment(self, contestant: Contestant) -> dict[str, str]:
        return contestant.environment(self.redis, self.directory, self.downstream)


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def answer(asked: Asked, under: Path) -> Answer:
    ours = asked.gateways()
    contestants = {
        "drain": asked.wanted(*ours, *PEER_LIBRARIES),
        "drain-50ms": asked.wanted(AIOHTTP, *ours, *PEER_LIBRARIES),
        "drain-saturated": asked.wanted(AIOHTTP, *ours, ARQ),
    }
    rounds = {}
    for work in WORKS:
        directory = under / work.name
        directory.mkdir()
        rounds[work.name] = measure(work, contestants[work.name], asked.rounds, asked.seconds, directory)
    return Answer(rounds, [table(work, rounds[work.name]) for work in WORKS])


def measure(work: Work, contestants: Sequence[Contestant], rounds: int, seconds: int, under: Path) -> Rounds:
    measured: dict[str, list[Figures]] = {contestant.name: [] for contestant in contestants}
    with ExitStack() as stack:
        downstream = ""
        if work.answers_after is not None:
            called = started(answering(work.answers_after), core=DRIVING_CORE, ready=LISTENS)
            downstream = stack.enter_context(called).url
        places = {}
        for contestant in contestants:
            directory = directory_of(contestant, under)
            places[contestant.name] = Place(stack.enter_context(redis_server(directory)), directory, downstream)
        for _ in range(rounds):
            for contestant in contestants:
                place = places[contestant.name]
                figures = dict(place.measure(contestant, work.jobs(contestant, seconds)))
                before = measured[contestant.name]
                figures["commands"] = before[0]["commands"] if before else place.commands(contestant)
                before.append(figures)
    return measured


def table(work: Work, rounds: Rounds) -> Table:
    return Table(work.name, work.title, HEAD, [_row(rounds, name) for name in rounds])


def _row(rounds: Rounds, name: str) -> list[str]:
    own = rounds[name]
    queue = name != BARE_HTTP
    return [
        name,
        short(middle(own, "per_second")),
        times(rounds, name, ARQ.name, "per_second"),
        times(rounds, name, BARE_HTTP, "per_second"),
        short(middle(own, "cpu_us")),
        times(rounds, name, ARQ.name, "cpu_us", inverse=True),
        times(rounds, name, BARE_HTTP, "cpu_us", inverse=True),
        short(middle(own, "redis_cpu_us")) if queue else NOTHING,
        short(middle(own, "commands")) if queue else NOTHING,
        f"{spread(own, 'cpu_us'):.0%}",
    ]
