"""A service that breaks HTTP in every way: each call ends in time, by a word that stays, and nothing leaks."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.downstream.server import Exchange, Server, serving
from tests.faults.cluster import Cluster
from tests.faults.processes import Process

pytestmark = pytest.mark.anyio

SLOTS = 10
"""Of the echo service, and connections to it, over all workers."""
NEVER_SECONDS = 3600
HUGE_BYTES = 64 * 1024 * 1024
TIMEOUT_SECONDS = 6
"""Of each job; the service's own is 1 s, for each of three attempts."""

TIMED_OUT = ("failed", "timeout", 3)
BROKEN = ("failed", "connection-broken", 3)
FAULTS = {
    "500": ("failed", "http-status", 3),
    "429": ("failed", "http-status", 3),
    "hang": TIMED_OUT,
    "drip": TIMED_OUT,
    "headers-without-end": BROKEN,
    "reset": BROKEN,
    "short": BROKEN,
    "garbage": ("failed", "not-json", 3),
    "nan": ("failed", "not-json", 3),
    "huge": ("failed", "too-large", 3),
    "gzip": ("failed", "not-json", 3),
    "redirect": ("failed", "http-status", 1),
}
"""What becomes of a job: its status, its call's error, and how often the call was made."""


async def misbehave(exchange: Exchange) -> None:
    """As the text of the request says."""
    fault = json.loads(exchange.received.body)["text"]
    match fault:
        case "500":
            await exchange.answer(b"{}", "500 Oops")
        case "429":
            await exchange.answer(b"{}", "429 Too Many Requests", "Retry-After: 0")
        case "hang":
            await asyncio.sleep(NEVER_SECONDS)
        case "drip":
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            await endlessly(exchange, b" ", 0.05)
        case "headers-without-end":
            await exchange.send(b"HTTP/1.1 200 OK\r\n")
            await endlessly(exchange, b"X-Header: " + b"y" * 8000 + b"\r\n", 0)
        case "reset":
            exchange.reset()
        case "short":
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1")
            exchange.close()
        case "garbage":
            await exchange.answer(b"<html>")
        case "nan":
            await exchange.answer(b'{"price": NaN}')
        case "huge":
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE_BYTES)
            await endlessly(exchange, b" " * 65_536, 0)
        case "gzip":
            await exchange.answer(gzip.compress(b" " * HUGE_BYTES), "200 OK", "Content-Encoding: gzip")
        case "redirect":
            await exchange.answer(b"", "302 Found", "Location: http://169.254.169.254/latest/meta-data/")
        case _:
            await exchange.answer(exchange.received.body)


async def endlessly(exchange: Exchange, data: bytes, every_seconds: float) -> None:
    while True:
        await exchange.send(data)
        await asyncio.sleep(every_seconds)


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[Server]:
    """What the workers that are started from here on take for the echo service."""
    all_slots = asyncio.Barrier(SLOTS)

    async def script(exchange: Exchange) -> None:
        if b"together" in exchange.received.body:
            await all_slots.wait()
        await misbehave(exchange)

    async with serving(script) as server:
        catalog = cluster.services.read_text().replace("${DOWNSTREAM_URL}/echo", server.url)
        cluster.services.write_text(catalog)
        yield server


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
    job_ids = [await cluster.submit("echo", {"text": fault}, request_timeout=str(TIMEOUT_SECONDS)) for fault in FAULTS]
    jobs = dict(zip(FAULTS, await cluster.ended(job_ids), strict=True))
    calls = {fault: job["calls"]["echo"] for fault, job in jobs.items()}
    came_to = {fault: (jobs[fault]["status"], call["error"], call["attempts"]) for fault, call in calls.items()}
    assert came_to == FAULTS
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
