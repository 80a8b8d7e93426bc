"""From submitting to the result, at 50 jobs a second, open loop, each job a call over HTTP that takes 5 ms."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtest.benchmarks.bench.asked import Answer, Asked
from loadtest.benchmarks.bench.contestants import (
    OUR_PYTHON,
    PEER_LIBRARIES,
    PEERS,
    Contestant,
    Gateway,
    Peer,
    answering,
    directory_of,
)
from loadtest.benchmarks.bench.figures import NOTHING, Figures, Rounds, Table, middle, percentile, short, spread
from loadtest.benchmarks.bench.processes import DRIVING_CORE, LISTENS, MEASURED_CORE, run, started
from loadtest.benchmarks.bench.redis_server import redis_server

PER_SECOND = 50
CALL_SECONDS = 0.005
WAYS = {"held": "one POST that is held", "long_poll": "POST and long poll"}
ALONE = "the call alone, by the same client"
HEAD = ("client", "p50 ms", "p90 ms", "p99 ms", "p50 over the call alone", "p99 over the call alone", "spread (p50)")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contestant at work, and how its clients wait."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    directory: Path

    def measure(self, seconds: int) -> Figures:
        command = [*self.command, str(PER_SECOND), str(PER_SECOND * seconds)]
        said = run(command, core=DRIVING_CORE, environment=self.environment, directory=self.directory)
        added = [each - 1000 * CALL_SECONDS for each in json.loads(said)]
        return {f"p{percent}_ms": percentile(added, percent) for percent in (50, 90, 99)}


def answer(asked: Asked, under: Path) -> Answer:
    contestants = asked.wanted(*asked.gateways(), *PEER_LIBRARIES)
    measured: dict[str, list[Figures]] = {}
    with started(answering(CALL_SECONDS), core=DRIVING_CORE, ready=LISTENS) as downstream:
        for number in range(asked.rounds):
            directory = under / str(number)
            directory.mkdir()
            alone = [str(OUR_PYTHON), str(PEERS / "bff_latency.py"), downstream.url, "alone"]
            itself = Waiting(ALONE, alone, {}, directory)
            measured.setdefault(itself.name, []).append(itself.measure(2 * asked.seconds))
            for contestant in contestants:
                # Nobody else's worker runs meanwhile: some look for jobs a hundred times a second.
                with _at_work(contestant, downstream.url, directory) as waiting:
                    for each in waiting:
                        measured.setdefault(each.name, []).append(each.measure(2 * asked.seconds))
    return Answer({"latency": measured}, [table(measured)])


@contextmanager
def _at_work(contestant: Contestant, downstream: str, under: Path) -> Iterator[list[Waiting]]:
    """A worker, and a gateway where jobs come through one: both on the measured core."""
    directory = directory_of(contestant, under)
    with redis_server(directory) as redis, ExitStack() as stack:
        environment = contestant.environment(redis, directory, downstream)
        telling = {**environment, "BENCH_DOWNSTREAM": f"{downstream}/echo"}
        working = contestant.worker(calling=True)
        stack.enter_context(started(working, core=MEASURED_CORE, environment=telling, directory=directory))
        if isinstance(contestant, Gateway):
            serving = started(
                contestant.serve(), core=MEASURED_CORE, ready=LISTENS, environment=environment, directory=directory
            )
            client = [str(OUR_PYTHON), str(PEERS / "bff_latency.py"), stack.enter_context(serving).url]
            ways = [(f"{contestant.name}, {said}", [*client, way]) for way, said in WAYS.items()]
        else:
            assert isinstance(contestant, Peer)
            ways = [(contestant.name, contestant.waiting())]
        yield [Waiting(name, command, environment, directory) for name, command in ways]


def table(rounds: Rounds) -> Table:
    title = (
        f"From submitting to the result, {PER_SECOND} a second: what is added to a call of {1000 * CALL_SECONDS:.0f} ms"
    )
    rows = [
        [
            name,
            *(short(middle(own, f"p{percent}_ms")) for percent in (50, 90, 99)),
            *(_over(rounds, name, f"p{percent}_ms") for percent in (50, 99)),
            f"{spread(own, 'p50_ms'):.0%}",
        ]
        for name, own in rounds.items()
    ]
    return Table("latency", title, HEAD, rows)


def _over(rounds: Rounds, name: str, figure: str) -> str:
    """What is added to the call alone, round by round."""
    if name == ALONE:
        return NOTHING
    pairs = zip(rounds[name], rounds[ALONE], strict=True)
    return short(median(own[figure] - alone[figure] for own, alone in pairs))
