"""A stack of one's own to measure: `bff up` on free ports, what its processes use and what its Redis is asked.

Linux only: it reads CPU and memory from /proc.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from redis import Redis

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LANE_GROUP = "workers"
GIVE_UP_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job as Redis keeps it; times are Unix ms by its clock. `finished_ms` is None while it is open."""

    status: str
    submitted_ms: int
    deadline_ms: int
    finished_ms: int | None


@dataclass(frozen=True, slots=True)
class LiveStack:
    """`urls` and `pids` by name of the part: gateway, worker, mock, redis. `log` grows while it runs."""

    urls: Mapping[str, str]
    pids: Mapping[str, int]
    pid: int
    log: Sequence[str]

    def worker_pids(self) -> list[int]:
        """As of now: one that was killed is started again by `bff up`, under another."""
        return [pid for name, pid in _children(self.pid) if name == "worker"]

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time so far."""
        return {name: _cpu_seconds(pid) for name, pid in self.pids.items()}

    def resident_megabytes(self) -> dict[str, float]:
        return {name: _resident_megabytes(pid) for name, pid in self.pids.items()}

    def redis_commands(self) -> Counter[str]:
        """What clients have sent so far; what scripts call stands under other names."""
        with Redis.from_url(self.urls["redis"]) as redis:
            stats = redis.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}
        return Counter({name: calls.get(name, 0) for name in ("evalsha", "xread")})

    def open_jobs(self) -> int:
        """Jobs that have not ended, told without asking the gateway."""
        with Redis.from_url(self.urls["redis"]) as redis:
            return int(redis.zcard("bff:{c0}:deadlines"))

    def booked_places(self) -> int:
        """Over all services and priorities."""
        with Redis.from_url(self.urls["redis"]) as redis:
            services = [redis.hgetall(key) for key in redis.scan_iter("bff:{c0}:service:*")]
        return sum(int(value) for fields in services for name, value in fields.items() if name.startswith(b"booked."))

    def held_entries(self) -> int:
        """Entries that workers hold, over all lanes."""
        with Redis.from_url(self.urls["redis"]) as redis:
            return sum(redis.xpending(key, LANE_GROUP)["pending"] for key in redis.scan_iter("bff:{c0}:lane:*"))

    def leftovers(self) -> dict[str, int]:
        """What should be back at zero after every run and is not."""
        with Redis.from_url(self.urls["redis"]) as redis:
            lanes = sum(redis.xlen(key) for key in redis.scan_iter("bff:{c0}:lane:*"))
            parked = int(redis.zcard("bff:{c0}:parked"))
        counts = {"open jobs": self.open_jobs(), "booked places": self.booked_places(), "entries": lanes}
        counts |= {"held entries": self.held_entries(), "parked retries": parked}
        return {name: count for name, count in counts.items() if count}

    def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Those that are known, read without asking the gateway."""
        found = {}
        with Redis.from_url(self.urls["redis"]) as redis:
            for first in range(0, len(job_ids), 1000):
                some = job_ids[first : first + 1000]
                pipeline = redis.pipeline(transaction=False)
                for job_id in some:
                    pipeline.hmget(f"bff:{{c0}}:job:{job_id}", "status", "finished")
                    pipeline.getrange(f"bff:{{c0}}:parameters:{job_id}", 0, 511)  # begins with what was asked for
                replies = pipeline.execute()
                for job_id, (status, finished), asked in zip(some, replies[::2], replies[1::2], strict=True):
                    if status is not None:
                        submitted, deadline = asked.split(b"\t")[5:7]
                        ended = int(finished) if finished else None
                        found[job_id] = Job(status.decode(), int(submitted), int(deadline), ended)
        return found


async def until_at_rest(stack: LiveStack) -> dict[str, int]:
    """What is left when nothing is, or after GIVE_UP_SECONDS."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while (left := await asyncio.to_thread(stack.leftovers)) and time.monotonic() < give_up_at:
        await asyncio.sleep(0.5)
    return left


@contextmanager
def live_stack(*options: str) -> Iterator[LiveStack]:
    """A fresh `bff up` with these options."""
    free = ("--port=0", "--mock-port=0", "--metrics-port=0", "--no-simulator")
    command = [sys.executable, "-m", "stack", "up", *free, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            urls, log = _urls(process), list[str]()
            Thread(target=log.extend, args=(process.stdout,), daemon=True).start()
            yield LiveStack(urls, _pids(process.pid), process.pid, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@contextmanager
def cores_reported(stack: LiveStack) -> Iterator[None]:
    """Says how many cores each part, and this client, kept busy on average. Not where parts were started again."""
    cpu, own, began = stack.cpu_seconds(), time.process_time(), time.monotonic()
    yield
    seconds = time.monotonic() - began
    used = {name: after - cpu[name] for name, after in stack.cpu_seconds().items()}
    used["this client"] = time.process_time() - own
    shown = ", ".join(f"{name} {each / seconds:.2f}" for name, each in used.items())
    print(f"cores used over {seconds:.0f} s: {shown}")


def _urls(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stdout is not None
    urls = {}
    for line in process.stdout:
        words = line.split()
        if len(words) > 1 and "://" in words[1]:
            urls[words[0]] = words[1]
        if line == "ready\n":
            return urls
    raise SystemExit("bff up did not become ready")


def _pids(parent: int) -> dict[str, int]:
    """Several of one name are numbered."""
    found: dict[str, int] = {}
    for name, pid in _children(parent):
        count = sum(other.partition("-")[0] == name for other in found)
        found[f"{name}-{count + 1}" if count else name] = pid
    return found


def _children(parent: int) -> Iterator[tuple[str, int]]:
    for pid in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        if match := re.search(r"stack (\w+) |(redis)-server", line):
            yield match[1] or match[2], pid


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
