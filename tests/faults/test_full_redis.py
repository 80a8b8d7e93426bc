"""Redis at the limit of its memory, or with its disk full: nothing new is accepted, what was accepted ends."""

import asyncio
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

import bff.broker
from bff.broker.script import script
from tests.faults.cluster import CHECKOUT, Cluster, headers_of
from tests.faults.processes import Process, RedisProcess
from tests.faults.submitting import jobs_kept, load, post, refused_for_now

pytestmark = pytest.mark.anyio

SCRIPTS = Path(bff.broker.__file__).with_name("scripts")
LARGE = {"text": "x" * 10_000}
FREE_BYTES = 700_000


async def accepted_until_full(cluster: Cluster, worker: Process, operation: str, body: Any) -> list[str]:
    """The ids of what was accepted until Redis could take no more. It has all scripts by then, which take as much.

    The worker stands still meanwhile: calls that hang would else be given up, however quick the machine is.
    """
    for file in SCRIPTS.glob("*.lua"):
        cluster.redis.client.script_load(script(file.stem).source)
    worker.send(signal.SIGSTOP)
    cluster.redis.client.config_set("maxmemory", cluster.redis.client.info("memory")["used_memory"] + FREE_BYTES)
    path, job_ids = f"/v1/operations/{operation}", []
    while (answer := await cluster.http.post(path, json=body, headers=headers_of({}))).status_code == 202:
        job_ids.append(answer.json()["id"])
    refused_for_now(answer)
    assert len(job_ids) > 10
    worker.send(signal.SIGCONT)
    return job_ids


async def test_what_was_accepted_before_memory_ran_out_is_done_and_its_results_are_read(cluster: Cluster) -> None:
    worker = await cluster.start_worker()
    await cluster.steer("echo", hang_rate=1)  # so that retries are parked there, too
    job_ids = await accepted_until_full(cluster, worker, "echo", LARGE)
    await cluster.until_called("echo")
    await cluster.steer("echo", hang_rate=0)
    jobs = await cluster.ended(job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert {job["result"]["echo"]["text"] for job in jobs} == {LARGE["text"]}
    assert worker.alive
    cluster.redis.client.config_set("maxmemory", 0)
    while (answer := await post(cluster, "echo", "k1")).status_code == 503:
        await asyncio.sleep(0.1)  # calls that hung may have opened the breaker
    assert answer.status_code == 202
    await cluster.at_rest()


async def test_a_gateway_whose_redis_is_full_stays_ready_and_says_so(cluster: Cluster) -> None:
    cluster.redis.client.config_set("maxmemory", 1)
    answer = await cluster.http.get("/readyz")
    assert answer.status_code == 200
    assert "takes no writes" in answer.json()["detail"]
    assert "\nbff_redis_writable 0.0\n" in (await cluster.http.get("/metrics")).text
    cluster.redis.client.config_set("maxmemory", 0)
    assert (await cluster.http.get("/readyz")).json() == {"status": "ok", "detail": None}


async def test_what_fails_or_is_cancelled_while_memory_is_out_is_undone(cluster: Cluster) -> None:
    await cluster.steer("orders", error_rate=1, error_status=400)
    worker = await cluster.start_worker()
    body = CHECKOUT | {"items": [{"sku": "s" * 64, "quantity": 1}] * 100}
    await cluster.steer("payments", hang_rate=1)
    job_ids = await accepted_until_full(cluster, worker, "checkout", body)
    await cluster.until_called("payments")
    assert (await cluster.http.delete(f"/v1/jobs/{job_ids[-1]}")).status_code in (200, 202)
    await cluster.steer("payments", hang_rate=0)
    *failed, cancelled = await cluster.ended(job_ids)
    assert {job["status"] for job in failed} == {"failed"}
    assert cancelled["status"] == "cancelled"
    await cluster.at_rest()
    undone = (await cluster.job(job_ids[0]))["calls"]
    assert [undone[name]["status"] for name in ("refund", "release")] == ["succeeded", "succeeded"]
    assert worker.alive
    await cluster.no_effect_twice()


def limit_files(redis: RedisProcess, more_bytes: int) -> None:
    """Let no file of Redis grow by more than that: a disk that is full, to be had without root."""
    largest = max(file.stat().st_size for file in redis.socket.parent.rglob("*.aof"))
    resource.prlimit(redis.process.pid, resource.RLIMIT_FSIZE, (largest + more_bytes, resource.RLIM_INFINITY))


def lift_limit(redis: RedisProcess) -> None:
    resource.prlimit(redis.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def test_while_the_disk_is_full_nothing_is_accepted_and_afterwards_all_that_was_is_done(cluster: Cluster) -> None:
    """As shipped, fsync every second: Redis stays, and refuses every write until there is room."""
    cluster.redis.client.config_set("appendfsync", "everysec")
    worker = await cluster.start_worker()
    async with load(cluster, "checkout") as submitted:
        await cluster.until_called("payments", 3)
        limit_files(cluster.redis, 5000)
        await submitted.until_refused()
        known = await cluster.http.get(f"/v1/jobs/{submitted.job_ids[0]}")
        assert known.status_code == 200
        assert (await cluster.http.get("/livez")).status_code == 200
        await submitted.until_refused()
        lift_limit(cluster.redis)
        await submitted.until_accepted(20)
    assert jobs_kept(cluster) == set(submitted.job_ids)
    jobs = await cluster.ended(submitted.job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()


async def test_a_redis_that_ends_when_its_disk_is_full_has_kept_all_that_was_accepted(cluster: Cluster) -> None:
    """With fsync always it ends rather than accept what it cannot keep."""
    worker = await cluster.start_worker()
    async with load(cluster, "checkout") as submitted:
        await cluster.until_called("payments", 3)
        limit_files(cluster.redis, 5000)
        await submitted.until_refused()
        assert await asyncio.to_thread(cluster.redis.process.exit_code) == 1
        cluster.redis.start()
        await submitted.until_accepted(20)
    assert jobs_kept(cluster) == set(submitted.job_ids)
    jobs = await cluster.ended(submitted.job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()
