"""Whether what a job costs stays the same however many wait: with 0 to 100,000 of them queued."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadtest.benchmarks.bench.accept import Serving, serving
from loadtest.benchmarks.bench.asked import Answer, Asked
from loadtest.benchmarks.bench.contestants import OUR_PYTHON, PEERS, Gateway
from loadtest.benchmarks.bench.drain import Place
from loadtest.benchmarks.bench.figures import Figures, Rounds, Table, middle, short, spread
from loadtest.benchmarks.bench.processes import DRIVING_CORE, run

QUEUED = (0, 1_000, 10_000, 100_000)
EACH_SECOND = 1000  # jobs that are accepted, and then drained, in a round
FIGURES = ("accept_cpu_us", "accept_redis_us", "call_cpu_us", "call_redis_us")
HEAD = (
    "gateway, queued", "an accept: gateway CPU µs", "Redis CPU µs", "a call, no-op: worker CPU µs", "Redis CPU µs",
    "spread (calls)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """A gateway whose Redis is kept at so many jobs in the queue."""

    gateway: Gateway
    queued: int
    serving: Serving

    def measure(self, jobs: int) -> Figures:
        """Accept some more, then drain as many."""
        self._fill()
        process, redis = self.serving.process, self.serving.redis.process
        cpu, redis_cpu = process.cpu_seconds(), redis.cpu_seconds()
        self._run([str(OUR_PYTHON), str(PEERS / "bff_posts.py"), process.url, str(jobs)])
        accepted = {
            "accept_cpu_us": 1e6 * (process.cpu_seconds() - cpu) / jobs,
            "accept_redis_us": 1e6 * (redis.cpu_seconds() - redis_cpu) / jobs,
        }
        drained = Place(self.serving.redis, self.serving.directory, "").drained(self.gateway, jobs)
        return {**accepted, "call_cpu_us": drained["cpu_us"], "call_redis_us": drained["redis_cpu_us"]}

    def _fill(self) -> None:
        with self.serving.redis.client() as redis:
            there = redis.zcard("bff:{c0}:deadlines")
        if there > self.queued:
            self.serving.redis.empty()
            there = 0
        self._run([*self.gateway.jobs("reports"), str(self.queued - there)])

    def _run(self, argv: list[str]) -> None:
        run(argv, core=DRIVING_CORE, environment=self.serving.environment, directory=self.serving.directory)


def answer(asked: Asked, under: Path) -> Answer:
    measured: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        levels = []
        for gateway in asked.gateways():
            for queued in QUEUED:
                named = Gateway(f"{gateway.name}, {queued:,}", gateway.checkout)
                level = Level(named, queued, stack.enter_context(serving(named, under)))
                level.measure(EACH_SECOND)  # not counted: until it is warm
                levels.append(level)
        for _ in range(asked.rounds):
            for level in levels:
                measured.setdefault(level.gateway.name, []).append(level.measure(EACH_SECOND * asked.seconds))
    return Answer({"flat": measured}, [table(measured)])


def table(rounds: Rounds) -> Table:
    rows = [
        [name, *(short(middle(own, figure)) for figure in FIGURES), f"{spread(own, 'call_cpu_us'):.0%}"]
        for name, own in rounds.items()
    ]
    return Table("flat", "What a job costs by how many are queued (`report`, one call)", HEAD, rows)
