"""A stack of one's own to measure: `bff up` on free ports, what its processes use and what its Redis is asked.

Linux only: it reads CPU and memory from /proc.
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class LiveStack:
    """`urls` and `pids` by name of the part: gateway, worker, mock, redis."""

    urls: Mapping[str, str]
    pids: Mapping[str, int]

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
            return sum(redis.xpending(key, "workers")["pending"] for key in redis.scan_iter("bff:{c0}:lane:*"))


@contextmanager
def live_stack(*options: str) -> Iterator[LiveStack]:
    """A fresh `bff up` with these options."""
    command = [sys.executable, "-m", "stack", "up", "--port=0", "--mock-port=0", "--metrics-port=0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield LiveStack(_urls(process), _pids(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


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
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in children}
    found = [(re.search(r"stack (\w+) |(redis)-server", line), pid) for pid, line in lines.items()]
    return {match[1] or match[2]: pid for match, pid in found if match}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
