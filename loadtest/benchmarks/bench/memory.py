"""Memory: of Redis for each job that waits, over its payload; of the gateway for each client that waits."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.benchmarks.bench.asked import Answer, Asked
from loadtest.benchmarks.bench.contestants import PEER_LIBRARIES, ROOT, Contestant, directory_of, keyed
from loadtest.benchmarks.bench.figures import Figures, Rounds, Table, middle, short
from loadtest.benchmarks.bench.processes import DRIVING_CORE, run
from loadtest.benchmarks.bench.redis_server import redis_server

PAYLOAD_BYTES = 1024
JOBS = 5000
WAITERS = 1000
CHANNELS = ("long_poll", "sse", "websocket")
_KILOBYTES = re.compile(r"^\| (\w+) \| [\d,]+ \| [^|]+\| [^|]+\| [^|]+\| ([\d.]+) \|", re.MULTILINE)


def answer(asked: Asked, under: Path) -> Answer:
    """Sizes are the same in each round, and are measured once."""
    ours = [each for gateway in asked.gateways() for each in (gateway, keyed(gateway))]
    jobs = {each.name: [_of_jobs(each, under)] for each in asked.wanted(*ours, *PEER_LIBRARIES)}
    waiting = _of_waiters() if not asked.only else {}
    return Answer({"memory": jobs, "memory-waiting": waiting}, [_jobs(jobs), *([_waiting(waiting)] if waiting else [])])


def _of_jobs(contestant: Contestant, under: Path) -> Figures:
    directory = directory_of(contestant, under)
    with redis_server(directory) as redis:
        environment = contestant.environment(redis, directory)
        # The first ones bring what there is once: scripts, plans, streams, groups.
        sizes = []
        for jobs in (100, JOBS):
            command = contestant.enqueue(jobs, PAYLOAD_BYTES)
            run(command, core=DRIVING_CORE, environment=environment, directory=directory)
            sizes.append(redis.memory_bytes())
    return {"bytes": (sizes[1] - sizes[0]) / JOBS - PAYLOAD_BYTES}


def _of_waiters() -> Rounds:
    """As waiters_run.py finds it."""
    script = ROOT / "loadtest" / "benchmarks" / "waiters_run.py"
    command = [sys.executable, str(script), "--waiters", str(WAITERS), "--channels", *CHANNELS]
    said = run(command, core=DRIVING_CORE, exits=(0, 1))  # 1: slower than it should be, which is not asked here
    return {channel: [{"kilobytes": float(kilobytes)}] for channel, kilobytes in _KILOBYTES.findall(said)}


def _jobs(rounds: Rounds) -> Table:
    title = f"Redis memory of a job that waits, over its payload of {PAYLOAD_BYTES:,} bytes"
    return Table("memory", title, ("contestant", "bytes"), _rows(rounds, "bytes"))


def _waiting(rounds: Rounds) -> Table:
    title = f"The gateway's memory for each of {WAITERS:,} clients that wait"
    return Table("memory-waiting", title, ("channel", "kB"), _rows(rounds, "kilobytes"))


def _rows(rounds: Rounds, figure: str) -> Sequence[Sequence[str]]:
    return [[name, short(middle(own, figure))] for name, own in rounds.items()]
