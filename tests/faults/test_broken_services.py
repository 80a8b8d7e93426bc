"""A service that breaks HTTP in every way: each call ends in time, by a word that stays, and nothing leaks."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.downstream.server import Exchange, Script, Server, serving
from tests.faults.cluster import Cluster
from tests.faults.processes import Process

pytestmark = pytest.mark.anyio

SLOTS = 10
"""Of the echo service, and connections to it, over all workers."""
NEVER_SECONDS = 3600
HUGE_BYTES = 64 * 1024 * 1024
TIMEOUT_SECONDS = 6
"""Of each job; the service's own is 1 s, for each of three attempts."""

HEAD = b"HTTP/1.1 200 OK\r\n"
JSON = b'{"price": 1}'


def answering(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    return lambda exchange: exchange.answer(body, status, *headers)


def sending(start: bytes, *, then: bytes = b"", every_seconds: float = 0) -> Script:
    """Sends that; then closes, or sends the rest for ever."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(start)
        while then:
            await exchange.send(then)
            await asyncio.sleep(every_seconds)
        exchange.close()

    return script


async def hang(_exchange: Exchange) -> None:
    await asyncio.sleep(NEVER_SECONDS)


async def reset(exchange: Exchange) -> None:
    exchange.reset()


TIMED_OUT = ("failed", "timeout", 3)
BROKEN = ("failed", "connection-broken", 3)
NOT_JSON = ("failed", "not-json", 3)
REDIRECT = ("302 Found", "Location: http://169.254.169.254/latest/meta-data/")

FAULTS: dict[str, tuple[Script, tuple[str, str, int]]] = {
    "500": (answering(JSON, "500 Oops"), ("failed", "http-status", 3)),
    "429": (answering(JSON, "429 Too Many Requests", "Retry-After: 0"), ("failed", "http-status", 13)),
    "hang": (hang, TIMED_OUT),
    "drip": (sending(HEAD + b"Content-Length: 100000\r\n\r\n", then=b" ", every_seconds=0.05), TIMED_OUT),
    "headers without end": (sending(HEAD, then=b"X-Header: " + b"y" * 8000 + b"\r\n"), BROKEN),
    "reset": (reset, BROKEN),
    "short body": (sending(HEAD + b"Content-Length: 9\r\n\r\n[1"), BROKEN),
    "garbage": (answering(b"<html>"), NOT_JSON),
    "NaN": (answering(b'{"price": NaN}'), NOT_JSON),
    "huge": (
        sending(HEAD + b"Content-Length: %d\r\n\r\n" % HUGE_BYTES, then=b" " * 65_536),
        ("failed", "too-large", 3),
    ),
    "inflating": (answering(gzip.compress(b" " * HUGE_BYTES), "200 OK", "Content-Encoding: gzip"), NOT_JSON),
    "redirect": (answering(b"", *REDIRECT), ("failed", "http-status", 1)),
}
"""What the service does, and what becomes of the job: its status, its call's error, and how often the call was made."""


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[Server]:
    """What the workers that are started from here on take for the echo service."""
    all_slots = asyncio.Barrier(SLOTS)

    async def script(exchange: Exchange) -> None:
        asked = json.loads(exchange.received.body)["text"]
        if asked == "together":
            await all_slots.wait()
        misbehave, _ = FAULTS.get(asked, (answering(exchange.received.body), ()))
        await misbehave(exchange)

    async with serving(script) as server:
        never_open = f'{server.url}"\nbreaker = {{ minimum_calls = 1_000_000 }} # "'
        catalog = cluster.services.read_text().replace("${DOWNSTREAM_URL}/echo", never_open)
        cluster.services.write_text(catalog)
        yield server


def batched(names: Iterable[str], size: int) -> list[list[str]]:
    all_names = list(names)
    return [all_names[first : first + size] for first in range(0, len(all_names), size)]


def peak_bytes(process: Process) -> int:
    """The most memory that it ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


async def test_however_a_service_fails_its_calls_end_in_time_by_a_stable_word_and_leave_nothing_behind(
    cluster: Cluster, server: Server
) -> None:
    worker = await cluster.start_worker()
    await cluster.ended([await cluster.submit("echo", {"text": "well"})])
    memory_bytes = peak_bytes(worker)
    jobs: dict[str, Any] = {}
    for faults in batched(FAULTS, 4):
        cluster.redis.client.hset("bff:{c0}:service:echo", "retry_tokens", 10_000)  # a full budget
        job_ids = [
            await cluster.submit("echo", {"text": fault}, request_timeout=str(TIMEOUT_SECONDS)) for fault in faults
        ]
        jobs |= dict(zip(faults, await cluster.ended(job_ids), strict=True))
    calls = {fault: job["calls"]["echo"] for fault, job in jobs.items()}
    came_to = {fault: (jobs[fault]["status"], call["error"], call["attempts"]) for fault, call in calls.items()}
    assert came_to == {fault: expected for fault, (_, expected) in FAULTS.items()}
    for fault, job in jobs.items():
        late = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["deadline"])
        assert late < timedelta(seconds=1), fault
    assert peak_bytes(worker) - memory_bytes < HUGE_BYTES / 2
    await cluster.at_rest()

    # As many at once as there are slots, each answered when all have come: not one slot or connection may be missing.
    job_ids = [await cluster.submit("echo", {"text": "together"}) for _ in range(SLOTS)]
    ended = await cluster.ended(job_ids)
    assert [(job["status"], job["calls"]["echo"]["attempts"]) for job in ended] == [("succeeded", 1)] * SLOTS
    assert worker.alive
    await cluster.at_rest()
