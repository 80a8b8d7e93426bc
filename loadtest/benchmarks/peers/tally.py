"""What a worker under measurement does for each job, and its word, at two of them, on what was used until then.

Told by the environment: BENCH_DOWNSTREAM (a URL to POST to; empty: nothing is called), BENCH_MARKS (the file for the
word), BENCH_FIRST and BENCH_LAST (at which jobs), BENCH_REDIS_PID.
"""

import http.client
import itertools
import json
import os
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DOWNSTREAM = os.environ.get("BENCH_DOWNSTREAM", "")


class Tally:
    """Counts jobs over all threads; the first and the last to be measured leave a mark."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._marked = {int(os.environ.get(name, 0)) for name in ("BENCH_FIRST", "BENCH_LAST")}

    def one(self) -> None:
        if (number := next(self._count)) in self._marked:
            mark(number)


def mark(number: int) -> None:
    redis = int(os.environ["BENCH_REDIS_PID"])
    used = {"worker": cpu_seconds(*group(os.getpgrp())), "redis": cpu_seconds(redis)}
    with Path(os.environ["BENCH_MARKS"]).open("a") as file:
        file.write(json.dumps({"number": number, "at": time.monotonic(), **used}) + "\n")


def group(leader: int) -> list[int]:
    """The processes of a group: some workers have several."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[2]) == leader:
            found.append(int(directory.name))
    return found


def cpu_seconds(*pids: int) -> float:
    """User and system."""
    return sum(map(_cpu_seconds, pids))


def _cpu_seconds(pid: int) -> float:
    """Of threads that live, to the ns; in ticks, of those too that have ended."""
    process = Path(f"/proc/{pid}")
    living = sum(int((thread / "schedstat").read_text().split()[0]) for thread in (process / "task").iterdir()) / 1e9
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return max(living, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))


TALLY = Tally()
_threads = threading.local()
_sessions: list[Any] = []


async def work(document: dict[str, Any]) -> dict[str, Any]:
    answer = await _post(document) if DOWNSTREAM else document
    TALLY.one()
    return answer


def work_blocking(document: dict[str, Any]) -> dict[str, Any]:
    answer = _post_blocking(document) if DOWNSTREAM else document
    TALLY.one()
    return answer


async def _post(document: dict[str, Any]) -> dict[str, Any]:
    if not _sessions:
        import aiohttp

        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    async with _sessions[0].post(DOWNSTREAM, json=document) as answer:
        answer.raise_for_status()
        read: dict[str, Any] = await answer.json()
        return read


def _post_blocking(document: dict[str, Any]) -> dict[str, Any]:
    """Over a connection for each thread."""
    address = urlsplit(DOWNSTREAM)
    if not hasattr(_threads, "connection"):
        _threads.connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection = _threads.connection
    connection.request("POST", address.path, json.dumps(document), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"the downstream answered {answer.status}")
    read: dict[str, Any] = json.loads(answer.read())
    return read
