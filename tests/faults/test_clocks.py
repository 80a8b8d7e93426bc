"""Processes whose clocks are hours apart: Redis' clock alone decides."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.processes import Process

pytestmark = pytest.mark.anyio

HOURS = timedelta(hours=2)
SKEWED = Path(__file__).with_name("skewed")


def clock_said_by(process: Process) -> datetime:
    """When it said its last line."""
    return datetime.fromisoformat(process.log.read_text().splitlines()[-1].split(" ", 1)[0])


async def test_deadlines_retries_and_reclaims_are_the_same_whatever_the_clocks_of_the_processes_say(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{SKEWED}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("CLOCK_AHEAD_SECONDS", str(HOURS.total_seconds()))
    fast = await cluster.start_worker()
    monkeypatch.setenv("CLOCK_AHEAD_SECONDS", str(-HOURS.total_seconds()))
    slow = await cluster.start_worker()
    await cluster.start_gateway()  # slow, too; the duties of the first one, whose clock is right, go on
    now = datetime.now(UTC)
    assert clock_said_by(fast) - now > HOURS - timedelta(minutes=1)
    assert clock_said_by(slow) - now < timedelta(minutes=1) - HOURS

    await cluster.steer("orders", error_rate=0.3, error_status=500)  # so that some are parked
    await cluster.steer("payments", seconds=0.3)
    job_ids = await asyncio.gather(*(cluster.checkout() for _ in range(20)))
    await cluster.steer("echo", hang_rate=1)
    late_id = await cluster.submit("echo", {"text": "hi"}, request_timeout="1.5")
    await cluster.until_called("payments", 5)
    fast.kill()
    jobs = await cluster.ended(job_ids)
    assert {job["calls"]["charge"]["status"] for job in jobs} == {"succeeded"}
    assert {job["status"] for job in jobs} <= {"succeeded", "failed"}
    [late] = await cluster.ended([late_id])
    assert late["status"] == "expired"
    for job in [*jobs, late]:
        submitted, finished = (datetime.fromisoformat(job[name]) for name in ("submitted_at", "finished_at"))
        assert abs(submitted - now) < timedelta(minutes=1)
        assert submitted < finished < submitted + timedelta(minutes=1)
    deadline = datetime.fromisoformat(late["deadline"])
    assert datetime.fromisoformat(late["finished_at"]) - deadline < timedelta(minutes=1)  # the clocks are off by hours
    assert slow.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()
