"""What each script costs Redis, in us of its time, and a job its memory: the jobs of one operation, from submit to end.

    python loadtest/benchmarks/scripts_cost.py --operation checkout --jobs 2000 --rounds 5

Starts a redis-server of its own. To compare two versions, run it in turns from both checkouts.
"""

import argparse
import asyncio
import statistics
import subprocess
import tempfile
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bff.broker.cell import Cell
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import CallStatus, Source
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Jobs, Submission
from bff.broker.keys import Keys
from bff.broker.lanes import End, Entry, Health, Lanes
from bff.broker.pipeline import Pipeline
from bff.catalog.catalog import load_catalog
from bff.catalog.model import Priority

GOOD = End(
    status=CallStatus.SUCCEEDED, effect=True, milliseconds=7, data=b'{"ok":true}', source=Source.LIVE, http_status=200,
    health=Health.WELL,
)  # fmt: skip
AT_ONCE = 50


class Round:
    """The jobs of one round go through their lives kind by kind, so that each script is measured alone."""

    def __init__(self, pipeline: Pipeline, operation: str, jobs: int) -> None:
        self._pipeline = pipeline
        self._cell = Cell(pipeline, load_catalog(), Keys())
        self._operation = operation
        self._jobs = jobs
        self.us: dict[str, float] = {}

    async def run(self) -> int:
        """The bytes that an ended job takes."""
        await self._pipeline.execute("FLUSHALL")
        await self._cell.configure()
        for service in self._cell.catalog.services:
            fields = [part for name in ("capacity", "bound.normal") for part in (name, 10 * self._jobs)]
            await self._pipeline.execute("HSET", self._cell.keys.service(service), *fields, "service_us", 10,
                "max_concurrency", 10 * self._jobs, "interval_us", 0)  # fmt: skip
        await self._once()  # every script is loaded
        before = await self._memory()
        await self._measured("submit", self._submit())
        while await self._move_on():
            pass
        return (await self._memory() - before) // self._jobs

    async def _once(self) -> None:
        jobs, self._jobs = self._jobs, 1
        await self._submit()
        while await self._move_on():
            pass
        self._jobs, self.us = jobs, {}

    async def _submit(self) -> int:
        jobs = Jobs(self._cell)
        for _ in range(self._jobs):
            submission = Submission(
                id=new_job_id(), operation=self._operation, client="public", priority=Priority.NORMAL,
                timeout_ms=60_000, parameters=b"{}",
            )  # fmt: skip
            assert isinstance(await jobs.submit(submission), Accepted)
        return self._jobs

    async def _move_on(self) -> bool:
        moved = False
        for service in self._cell.catalog.services:
            lanes = Lanes(self._cell, service, "bench-1")
            taken = []
            while entries := await self._take(lanes):
                taken += entries
            if taken:
                await self._measured("finish", self._finish(lanes, taken))
            moved = moved or bool(taken)
        return moved

    async def _take(self, lanes: Lanes) -> list[Entry]:
        entries: list[Entry] = []

        async def take() -> int:
            entries.extend((await lanes.take(AT_ONCE)).entries)
            return len(entries)

        await self._measured("take", take())
        return entries

    async def _finish(self, lanes: Lanes, entries: list[Entry]) -> int:
        for entry in entries:
            await lanes.finish(entry, GOOD)
        return len(entries)

    async def _measured(self, name: str, work: Awaitable[int]) -> None:
        """`work` brings how many calls it made of that script."""
        await self._pipeline.execute("CONFIG", "RESETSTAT")
        calls = await work
        text = (await self._pipeline.execute("INFO", "commandstats")).decode()
        spent = [line for line in text.splitlines() if line.startswith("cmdstat_evalsha:")]
        if calls and spent:
            us = int(spent[0].split("usec=")[1].split(",")[0])
            total, count = self.us.get(name, 0.0), self.us.get(f"{name} calls", 0.0)
            self.us |= {name: total + us, f"{name} calls": count + calls}

    async def _memory(self) -> int:
        text = (await self._pipeline.execute("INFO", "memory")).decode()
        return int(next(line for line in text.splitlines() if line.startswith("used_memory:")).split(":")[1])


@contextmanager
def redis_server() -> Iterator[str]:
    """Its URL."""
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait()


async def measure(url: str, operation: str, jobs: int, rounds: int) -> None:
    pipeline = Pipeline(url)
    while not await _there(pipeline):
        await asyncio.sleep(0.05)
    spent: dict[str, list[float]] = {}
    sizes = []
    for _ in range(rounds):
        round_ = Round(pipeline, operation, jobs)
        sizes.append(await round_.run())
        for name in ("submit", "take", "finish"):
            spent.setdefault(name, []).append(round_.us[name] / round_.us[f"{name} calls"])
    for name, each in spent.items():
        print(f"{operation} {name}: {statistics.median(each):.1f} us ({min(each):.1f} to {max(each):.1f})")
    print(f"{operation}: {statistics.median(sizes):.0f} bytes a job")
    await pipeline.aclose()


async def _there(pipeline: Pipeline) -> bool:
    try:
        await pipeline.execute("PING")
    except BrokerUnavailable:
        return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operation", default="checkout")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with redis_server() as server_url:
        asyncio.run(measure(server_url, options.operation, options.jobs, options.rounds))
