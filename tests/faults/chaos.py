"""`make chaos`: clients at work, a monkey that breaks everything but them, and in the end the checker."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.checker import Verdict
from tests.faults.client import Client
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.judge import judged
from tests.faults.load import load
from tests.faults.monkey import Monkey
from tests.faults.stage import Limit, own_cluster, own_mock, own_redis

PER_SECOND = 8.0
PAUSE_SECONDS = (5.0, 40.0)
SCALED_BELOW_SECONDS = 400.0
"""A shorter run has its faults closer together."""
LIMITS = {"payments": Limit(slots=3), "orders": Limit(slots=20, rate=5)}
"""Above what the load asks for, below what comes when a fault is over."""
LATENCY_SECONDS = {"echo": 0.1, "inventory": 0.1, "payments": 0.4, "orders": 0.1, "reports": 0.3}
"""So that some calls are in flight whenever a worker dies."""
CLIENT_SECONDS = 1.5
"""Less than a gateway waits for a frozen Redis: what clients give up on may still be done."""
GRACE_MS = 10_000
"""Nobody can be told that a job has expired while Redis is frozen (6 s at the most), and what follows its thaw."""


async def rage(
    cluster: Cluster, path: Path, *, seconds: float, seed: int, say: Callable[[str], None] = lambda _: None
) -> Verdict:
    """One run. AssertionError, with the path of the history, where a promise was broken."""
    chance = random.Random(seed)
    for service, latency_seconds in LATENCY_SECONDS.items():
        await cluster.steer(service, seconds=latency_seconds)
    gateways = [cluster.gateway, await cluster.start_gateway()]
    workers = [await cluster.start_worker(), await cluster.start_worker()]
    shortest, longest = (bound * min(1, seconds / SCALED_BELOW_SECONDS) for bound in PAUSE_SECONDS)
    monkey = Monkey(cluster, random.Random(chance.random()), say, workers, gateways, (shortest, longest))
    with History(path) as history:
        client = Client(
            history,
            cluster.any_gateway,
            timeout_seconds=CLIENT_SECONDS,
            job_seconds=None,
            chance=random.Random(chance.random()),
        )
        async with load(client, PER_SECOND, random.Random(chance.random()), cancelled=0.1, hurried=0.1):
            await monkey.rage(seconds)
        say(f"{monkey.faults} faults, {len(client.accepted)} jobs accepted, {len(client.open)} not ended")
        verdict = await judged(cluster, client, within_seconds=90, rest_seconds=60, grace_ms=GRACE_MS)
        say(f"orders: {await cluster.counted('orders')}")
        return verdict


async def _alone(directory: Path, seconds: float, seed: int) -> Verdict:
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {line}", flush=True)  # noqa: T201

    with own_mock() as mock_url, own_redis() as redis:
        async with own_cluster(mock_url, redis, directory, LIMITS) as cluster:
            return await rage(cluster, directory / "history.jsonl", seconds=seconds, seed=seed, say=say)


def main() -> None:
    """Exit code 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="bff-chaos-"))
    where = f"in {directory}, which is kept where a promise is broken"
    print(f"seed {options.seed}, {options.seconds:g} s, {where}", flush=True)  # noqa: T201
    try:
        verdict = asyncio.run(_alone(directory, options.seconds, options.seed))
    except AssertionError as broken:
        sys.exit(f"seed {options.seed}: {broken}")
    shutil.rmtree(directory)
    print(verdict.summary())  # noqa: T201


if __name__ == "__main__":
    main()
