"""What a client that waits costs a gateway, and how soon it is told: by each channel, for 1, 1,000 and 10,000 of them.

    python loadtest/benchmarks/waiters_run.py --waiters 1 1000 10000

The gateway has core 0 for itself; Redis, these clients and whoever ends the jobs share core 1. Each waiter has a job
and a connection of its own; they end at 200 a second, each by a take and a finish as a worker would do them. Told: from
just before that finish is sent to Redis until the client has read the end. Then all of them on one job, by WebSocket.

Exits with 1 where a waiter was not told, the median is above 100 ms, or an idle WebSocket costs more than 35 kB.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit
from urllib.request import urlopen

import uvloop
from waiting_clients import WAITERS, Waiter

from bff.broker.cell import Cell
from bff.broker.job import CallStatus
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Jobs, Submission
from bff.broker.lanes import End, Lanes
from bff.broker.pipeline import Pipeline
from bff.catalog.catalog import Catalog, load_catalog
from bff.catalog.clients import PUBLIC
from bff.catalog.model import Priority
from bff.catalog.services import SHIPPED_SERVICES
from stack.redis_server import find_redis_server, running

PER_SECOND = 200.0
WARM_UP = 200
ROUNDS_OF_ONE = 50
GATEWAY_CORE, OTHER_CORE = 0, 1
TOLD_WITHIN_MS = 100.0
WEBSOCKET_BYTES = 35_000
IDLE_SECONDS = 10.0
FIRST = -10  # of -20 to 19, 0 being usual
OPENED_AT_ONCE = 100

SERVICE = """
[services.{}]
base_url = "http://127.0.0.1:9/x"
max_concurrency = 20000
inline_concurrency = 10
timeout_seconds = 60.0
expected_seconds = 0.001
capacity = 60000
"""


@dataclass(frozen=True, slots=True)
class Row:
    """`bytes_each` is None where it was too few to tell; `idle` is the gateway's share of its core while all wait."""

    channel: str
    waiters: int
    bytes_each: float | None
    idle: float | None
    told_ms: Sequence[float]
    missing: int


class Measured:
    """A gateway of its own, fresh, and the broker that it stands on."""

    def __init__(self, url: str, pid: int, jobs: Jobs, lanes: Lanes) -> None:
        self.url = url
        self.pid = pid
        self.jobs = jobs
        self.lanes = lanes

    async def submit(self, many: int) -> list[str]:
        """Jobs of one call each, none of them begun."""
        ids = []
        for first in range(0, many, OPENED_AT_ONCE):
            some = [self._submit() for _ in range(min(OPENED_AT_ONCE, many - first))]
            ids += await asyncio.gather(*some)
        return ids

    async def _submit(self) -> str:
        submission = Submission(
            id=new_job_id(),
            operation="echo",
            client=PUBLIC,
            priority=Priority.NORMAL,
            timeout_ms=3_600_000,
            parameters=b'{"text":"hi"}',
        )
        accepted = await self.jobs.submit(submission)
        assert isinstance(accepted, Accepted), accepted
        return submission.id

    async def end_next(self) -> tuple[str, float]:
        """End the job that was submitted first: its id, and when."""
        taken = await self.lanes.take(1)
        [entry] = taken.entries
        at = time.monotonic()
        end = End(status=CallStatus.SUCCEEDED, effect=True, milliseconds=1, data=b'{"text":"hi"}')
        await self.lanes.finish(entry, end)
        return entry.job_id, at

    async def open(self, channel: str, ids: Sequence[str]) -> list[Waiter]:
        """One connection for each, all of them waiting."""
        loop = asyncio.get_running_loop()
        address = urlsplit(self.url)
        waiters: list[Waiter] = []
        for first in range(0, len(ids), OPENED_AT_ONCE):
            some = [
                loop.create_connection(lambda job_id=job_id: WAITERS[channel](job_id), address.hostname, address.port)
                for job_id in ids[first : first + OPENED_AT_ONCE]
            ]
            waiters += [protocol for _, protocol in await asyncio.gather(*some)]
            while not all(waiter.ready for waiter in waiters[first:]):
                await asyncio.sleep(0.001)
        while channel != "poll" and await asyncio.to_thread(self.waiting, channel) < len(ids):
            await asyncio.sleep(0.1)
        return waiters

    async def close(self, channel: str, waiters: Sequence[Waiter]) -> None:
        for waiter in waiters:
            waiter.transport.abort()
        while channel != "poll" and await asyncio.to_thread(self.waiting, channel):
            await asyncio.sleep(0.1)

    def waiting(self, channel: str) -> int:
        with urlopen(f"{self.url}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f'bff_waiters{{channel="{channel}"}}'):
                    return int(float(line.split()[1]))
        return 0

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def measured() -> AsyncIterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        services = Path(directory) / "services.toml"
        names = tomllib.loads(SHIPPED_SERVICES.read_text())["services"]
        services.write_text("".join(map(SERVICE.format, names)))
        catalog: Catalog = load_catalog(services, downstream_url="http://127.0.0.1:9")
        with running(find_redis_server(), Path(directory)) as redis_url, _gateway(redis_url, services) as (url, pid):
            pipeline = Pipeline(redis_url)
            cell = Cell(pipeline, catalog)
            await cell.configure()
            yield Measured(url, pid, Jobs(cell), Lanes(cell, "echo", "benchmark"))
            await pipeline.aclose()


@contextmanager
def _gateway(redis_url: str, services: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "stack", "gateway", "--port=0", f"--redis-url={redis_url}"]
    with subprocess.Popen([*command, f"--services={services}"], stderr=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, {GATEWAY_CORE})
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "gateway listens on" in line:
                    yield line.split()[-1], process.pid
                    break
        finally:
            process.terminate()


async def told(gateway: Measured, channel: str, many: int) -> Row:
    """Everybody waits on a job of its own; the jobs end one after the other."""
    warm = await gateway.open(channel, await gateway.submit(WARM_UP))
    for _ in range(WARM_UP):
        await gateway.end_next()
    await gateway.close(channel, warm)
    before = gateway.resident_bytes()
    waiters = await gateway.open(channel, await gateway.submit(many))
    bytes_each = (gateway.resident_bytes() - before) / many if many >= 100 and channel != "poll" else None
    idle = await idle_share(gateway) if many >= 100 else None
    ended = await end_all(gateway, many)
    row = Row(channel, many, bytes_each, idle, *gathered(waiters, ended, await until_told(waiters)))
    await gateway.close(channel, waiters)
    return row


async def one_by_one(gateway: Measured, channel: str) -> Row:
    delays: list[float] = []
    missing = 0
    for _ in range(ROUNDS_OF_ONE):
        waiters = await gateway.open(channel, await gateway.submit(1))
        ended = await end_all(gateway, 1)
        some, lost = gathered(waiters, ended, await until_told(waiters))
        delays += some
        missing += lost
        await gateway.close(channel, waiters)
    return Row(channel, 1, None, None, delays, missing)


async def broadcast(gateway: Measured, many: int) -> Row:
    """Everybody waits on one job."""
    await gateway.close("websocket", await gateway.open("websocket", (await gateway.submit(1)) * WARM_UP))
    await gateway.end_next()
    before = gateway.resident_bytes()
    waiters = await gateway.open("websocket", (await gateway.submit(1)) * many)
    bytes_each = (gateway.resident_bytes() - before) / many
    ended = await end_all(gateway, 1)
    row = Row("websocket, one job", many, bytes_each, None, *gathered(waiters, ended, await until_told(waiters)))
    await gateway.close("websocket", waiters)
    return row


async def idle_share(gateway: Measured) -> float:
    began, cpu = time.monotonic(), gateway.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    return (gateway.cpu_seconds() - cpu) / (time.monotonic() - began)


async def end_all(gateway: Measured, many: int) -> dict[str, float]:
    """When each job ended: on a timetable, whatever the gateway does meanwhile."""
    began = time.monotonic()
    ending = []
    for number in range(many):
        await asyncio.sleep(began + number / PER_SECOND - time.monotonic())
        ending.append(asyncio.create_task(gateway.end_next()))
    return dict(await asyncio.gather(*ending))


async def until_told(waiters: Sequence[Waiter]) -> bool:
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        if all(waiter.told_at for waiter in waiters):
            return True
        await asyncio.sleep(0.02)
    return False


def gathered(waiters: Sequence[Waiter], ended: dict[str, float], _: bool) -> tuple[list[float], int]:
    delays = [(waiter.told_at - ended[waiter.job_id]) * 1000 for waiter in waiters if waiter.told_at is not None]
    return delays, len(waiters) - len(delays)


def shown(row: Row) -> str:
    p99 = quantiles(row.told_ms, n=100, method="inclusive")[98] if len(row.told_ms) > 1 else row.told_ms[0]
    kilobytes = "" if row.bytes_each is None else f"{row.bytes_each / 1000:.1f}"
    idle = "" if row.idle is None else f"{row.idle:.0%}"
    times = f"{median(row.told_ms):.1f} | {p99:.1f} | {max(row.told_ms):.1f}"
    return f"| {row.channel} | {row.waiters:,} | {times} | {kilobytes} | {idle} |"


def complaint(row: Row) -> str | None:
    if row.missing:
        return f"{row.missing} of {row.waiters} by {row.channel} were not told"
    if row.channel in ("long_poll", "sse", "websocket") and median(row.told_ms) > TOLD_WITHIN_MS:
        return f"{row.channel}, {row.waiters}: told after {median(row.told_ms):.0f} ms at the median"
    if row.channel == "websocket" and (row.bytes_each or 0) > WEBSOCKET_BYTES and row.waiters >= 1000:
        return f"an idle WebSocket costs {row.bytes_each:.0f} bytes"
    return None


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiters", type=int, nargs="+", default=[1, 1000, 10_000])
    parser.add_argument("--channels", nargs="+", default=[*WAITERS, "broadcast"])
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each waiter is a file
    os.sched_setaffinity(0, {OTHER_CORE})
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)  # and all that is started from here
    print("| channel | waiters | told, median ms | p99 ms | slowest ms | kB each | gateway core while idle |")
    print("|---|---|---|---|---|---|---|")
    complaints = []
    for channel in asked.channels:
        for many in asked.waiters:
            if channel == "poll" and many > 1000:
                continue  # what polling every second takes is known: a request each
            async with measured() as gateway:
                if channel == "broadcast":
                    row = await broadcast(gateway, many)
                else:
                    row = await (one_by_one(gateway, channel) if many == 1 else told(gateway, channel, many))
            print(shown(row), flush=True)
            if said := complaint(row):
                complaints.append(said)
    print("\n".join(complaints) or "good")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
