"""Workers that die, freeze, join and leave: nothing is lost or done twice, no service gets more than it carries."""

import asyncio
import signal
from datetime import datetime, timedelta

import pytest

from tests.faults.cluster import Cluster

pytestmark = pytest.mark.anyio


async def test_calls_of_a_worker_that_was_killed_are_made_by_another(cluster: Cluster) -> None:
    await cluster.steer("payments", seconds=0.6)
    killed = await cluster.start_worker()
    job_ids = [await cluster.checkout() for _ in range(8)]
    await cluster.until_called("payments", 8)
    killed.kill()
    await cluster.start_worker()
    jobs = await cluster.ended(job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert [job["calls"]["charge"]["attempts"] for job in jobs] == [2] * 8
    await cluster.no_effect_twice()
    await cluster.at_rest()


async def test_the_late_answer_of_a_worker_that_was_frozen_changes_nothing(cluster: Cluster) -> None:
    await cluster.steer("echo", seconds=0.5)
    frozen = await cluster.start_worker()
    job_id = await cluster.submit("echo", {"text": "hi"})
    await cluster.until_called("echo")
    frozen.send(signal.SIGSTOP)
    await cluster.start_worker()
    [job] = await cluster.ended([job_id])
    assert (job["status"], job["calls"]["echo"]["attempts"]) == ("succeeded", 2)
    frozen.send(signal.SIGCONT)
    frozen.send(signal.SIGTERM)
    assert frozen.exit_code() == 0
    assert await cluster.job(job_id) == job
    await cluster.no_effect_twice(["echo"])
    await cluster.at_rest()


async def test_a_worker_told_to_stop_hands_back_what_it_cannot_finish(cluster: Cluster) -> None:
    await cluster.steer("payments", seconds=0.8)
    leaving = await cluster.start_worker(drain_seconds=0.1)
    job_ids = [await cluster.checkout() for _ in range(30)]
    await cluster.until_called("payments", 20)
    leaving.send(signal.SIGTERM)
    assert leaving.exit_code() == 0, leaving.log.read_text()
    lanes = list(cluster.redis.client.scan_iter("bff:{c0}:lane:*"))
    assert [cluster.redis.client.xpending(lane, "workers")["pending"] for lane in lanes] == [0] * len(lanes)
    await cluster.start_worker()
    jobs = await cluster.ended(job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    await cluster.no_effect_twice()
    await cluster.at_rest()


async def test_a_worker_told_to_stop_finishes_what_it_can(cluster: Cluster) -> None:
    await cluster.steer("payments", seconds=0.5)
    leaving = await cluster.start_worker()
    job_id = await cluster.checkout()
    await cluster.until_called("payments")
    leaving.send(signal.SIGTERM)
    assert leaving.exit_code() == 0
    charge = (await cluster.job(job_id))["calls"]["charge"]
    assert (charge["status"], charge["attempts"]) == ("succeeded", 1)


async def test_workers_that_come_and_go_never_exceed_the_slots_of_a_service_together(cluster: Cluster) -> None:
    await cluster.steer("echo", seconds=0.05, max_concurrency=1000)
    first = await cluster.start_worker()
    submitting = [asyncio.create_task(cluster.submit("echo", {"text": str(number)})) for number in range(300)]
    job_ids = await asyncio.gather(*submitting)
    second = await cluster.start_worker()
    first.send(signal.SIGTERM)
    await cluster.start_worker()
    second.kill()
    jobs = await cluster.ended(job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert (await cluster.counted("echo"))["max_in_flight"] <= 10
    assert first.exit_code() == 0
    await cluster.at_rest()


async def test_without_any_worker_jobs_expire_when_they_become_hopeless_and_clients_are_told(cluster: Cluster) -> None:
    job_id = await cluster.submit("echo", {"text": "hi"}, request_timeout="1.5")
    answer = await cluster.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=15"})
    job = answer.json()
    assert (job["status"], job["started_at"]) == ("expired", None)
    late = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["deadline"])
    assert late < timedelta(seconds=1)
    await cluster.at_rest()


async def test_a_call_that_no_worker_finishes_expires_with_its_deadline(cluster: Cluster) -> None:
    await cluster.steer("echo", hang_rate=1)
    worker = await cluster.start_worker()
    job_id = await cluster.submit("echo", {"text": "hi"}, request_timeout="1")
    await cluster.until_called("echo")
    worker.kill()
    [job] = await cluster.ended([job_id])
    assert (job["status"], job["calls"]["echo"]["status"]) == ("expired", "expired")
