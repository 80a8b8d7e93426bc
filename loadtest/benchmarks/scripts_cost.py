"""What each script costs Redis, in us of its main thread's CPU, and a job its memory: the jobs of one operation from
submit to end, fifty requests under way at a time.

    python loadtest/benchmarks/scripts_cost.py --operation checkout --jobs 2000 --rounds 5
    python loadtest/benchmarks/scripts_cost.py --operation echo --jobs 5000 --payload 1024 --keyed
    python loadtest/benchmarks/scripts_cost.py --operation echo --waiting 100000

`take` is counted by the entry taken, `--batch` at a time. Memory is `used_memory` less the parameters; `--keyed` jobs
have an Idempotency-Key each. With `--waiting`, so many others stand in the same lane all the while. Starts a
redis-server of its own. To compare two versions, run it in turns from both checkouts.
"""

import argparse
import asyncio
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
SCRIPTS = ("submit", "take", "finish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is measured: `jobs` of an operation, each with a payload of so many bytes."""

    operation: str
    jobs: int
    payload: int
    keyed: bool
    waiting: int
    batch: int

    @property
    def parameters(self) -> bytes:
        return b'{"text":"' + b"x" * (self.payload - 11) + b'"}' if self.payload else b"{}"


@dataclass(slots=True)
class Round:
    """The jobs go through their lives kind by kind, so that each script is measured alone."""

    pipeline: Pipeline
    life: Life
    us: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    queued_bytes: int = 0
    ended_bytes: int = 0

    async def run(self) -> None:
        await self.pipeline.execute("FLUSHALL")
        cell = Cell(self.pipeline, load_catalog(), Keys(), process="gateway-7f9c4-1")
        await cell.configure()
        for service in cell.catalog.services:
            roomy = {"capacity": 10**6, "bound.normal": 10**6, "max_concurrency": 10**6, "max_wait_ms.normal": 0}
            fields = [part for pair in ({"service_us": 10, "interval_us": 0} | roomy).items() for part in pair]
            await self.pipeline.execute("HSET", cell.keys.service(service), *fields)
        await self._submit(cell, max(1, self.life.waiting), "others")
        if not self.life.waiting:
            await self._work_off(cell, 1)  # every script is loaded
        self.us, self.calls = Counter(), Counter()
        before = await self._memory()
        await self._submit(cell, self.life.jobs, "own")
        self.queued_bytes = (await self._memory() - before) // self.life.jobs - self.life.payload
        await self._work_off(cell, self.life.jobs)
        self.ended_bytes = (await self._memory() - before) // self.life.jobs - self.life.payload

    async def _submit(self, cell: Cell, count: int, name: str) -> None:
        jobs = Jobs(cell)

        async def one(number: int) -> None:
            submission = Submission(
                id=new_job_id(), operation=self.life.operation, client="public", priority=Priority.NORMAL,
                timeout_ms=600_000, parameters=self.life.parameters,
                idempotency_key=f"{name}-{number}" if self.life.keyed else None,
            )  # fmt: skip
            assert isinstance(await jobs.submit(submission), Accepted)

        await self._measured("submit", [one(number) for number in range(count)])

    async def _work_off(self, cell: Cell, most: int) -> None:
        """Call by call, as many of each as there are jobs of this round."""
        moved = True
        while moved:
            moved = False
            for service in cell.catalog.services:
                lanes = Lanes(cell, service, "worker-5d8f7b-1")
                entries = await self._take(lanes, most)
                moved = moved or bool(entries and not self.life.waiting)
                await self._measured("finish", [lanes.finish(entry, GOOD) for entry in entries])

    async def _take(self, lanes: Lanes, most: int) -> list[Entry]:
        entries: list[Entry] = []

        async def take() -> None:
            taken: Sequence[Entry] | None = None
            while taken != [] and len(entries) < most:
                taken = (await lanes.take(min(self.life.batch, most - len(entries)))).entries
                entries.extend(taken)

        await self._measured("take", [take()])
        self.calls["take"] += len(entries) - 1
        return entries

    async def _measured(self, name: str, work: Sequence[Awaitable[object]]) -> None:
        before = await self._cpu_us()
        for i in range(0, len(work), AT_ONCE):
            await asyncio.gather(*work[i : i + AT_ONCE])
        self.us[name] += await self._cpu_us() - before
        self.calls[name] += len(work)

    async def _cpu_us(self) -> int:
        fields = await self._info("cpu")
        return round(sum(float(fields[f"used_cpu_{kind}_main_thread"]) for kind in ("user", "sys")) * 1_000_000)

    async def _memory(self) -> int:
        return int((await self._info("memory"))["used_memory"])

    async def _info(self, section: str) -> dict[str, str]:
        text = (await self.pipeline.execute("INFO", section)).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


@contextmanager
def redis_server(binary: str) -> Iterator[str]:
    """Its URL."""
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "redis.sock"
        command = [binary, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait()


async def measure(url: str, life: Life, rounds: int) -> None:
    pipeline = Pipeline(url)
    while not await _there(pipeline):
        await asyncio.sleep(0.05)
    done = []
    for _ in range(rounds):
        done.append(Round(pipeline, life))
        await done[-1].run()
    for name in SCRIPTS:
        each = [round_.us[name] / round_.calls[name] for round_ in done]
        print(f"{life.operation} {name}: {statistics.median(each):.1f} us ({min(each):.1f} to {max(each):.1f})")
    cycles = [sum(round_.us.values()) / life.jobs for round_ in done]
    print(f"{life.operation}, a whole job: {statistics.median(cycles):.1f} us ({min(cycles):.1f} to {max(cycles):.1f})")
    queued = statistics.median(round_.queued_bytes for round_ in done)
    ended = statistics.median(round_.ended_bytes for round_ in done)
    print(f"{life.operation}: {queued:.0f} bytes a queued job over its payload, {ended:.0f} an ended one")
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
    parser.add_argument("--payload", type=int, default=0)
    parser.add_argument("--keyed", action="store_true")
    parser.add_argument("--waiting", type=int, default=0)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--binary", default="redis-server", help="another redis-server, of another version")
    options = vars(parser.parse_args())
    rounds, binary = options.pop("rounds"), options.pop("binary")
    with redis_server(binary) as server_url:
        asyncio.run(measure(server_url, Life(**options), rounds))
