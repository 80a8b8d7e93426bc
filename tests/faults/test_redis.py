"""Redis that is killed or frozen under load: what was accepted ends, once."""

import asyncio
import signal

import httpx
import pytest

from tests.faults.cluster import CHECKOUT, Cluster, headers_of

pytestmark = pytest.mark.anyio


async def submitted_until(cluster: Cluster, over: asyncio.Event) -> list[str]:
    """Checkouts, one after the other, until it is over: the ids of those that were accepted."""
    job_ids = []
    while not over.is_set():
        answer = await cluster.http.post("/v1/operations/checkout", json=CHECKOUT, headers=headers_of({}))
        if answer.status_code == 202:
            job_ids.append(answer.json()["id"])
        else:
            assert answer.status_code == 503, answer.text
            assert "Retry-After" in answer.headers
    return job_ids


async def test_accepted_jobs_outlive_a_redis_that_is_killed_and_restarted(cluster: Cluster) -> None:
    worker = await cluster.start_worker()
    over = asyncio.Event()
    submitting = asyncio.create_task(submitted_until(cluster, over))
    await cluster.until_called("payments", 3)
    cluster.redis.process.kill()
    with pytest.raises(httpx.HTTPStatusError):
        (await cluster.http.get("/readyz")).raise_for_status()
    cluster.redis.start()
    await cluster.until_ready()
    await cluster.until_called("payments", 1)
    over.set()
    jobs = await cluster.ended(await submitting)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()


async def test_work_goes_on_after_redis_was_frozen(cluster: Cluster) -> None:
    worker = await cluster.start_worker()
    over = asyncio.Event()
    submitting = asyncio.create_task(submitted_until(cluster, over))
    await cluster.until_called("payments", 3)
    cluster.redis.process.send(signal.SIGSTOP)
    await cluster.until_not_ready()
    await asyncio.sleep(4)  # longer than every time limit of both: five seconds frozen in all
    cluster.redis.process.send(signal.SIGCONT)
    await cluster.until_ready()
    over.set()
    jobs = await cluster.ended(await submitting)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()


async def test_a_worker_waits_for_a_redis_that_is_not_there_yet(cluster: Cluster) -> None:
    cluster.redis.process.kill()
    worker = cluster.begin_worker()
    await cluster.until_metrics_answer(worker)
    cluster.redis.start()
    await cluster.until_ready()
    job_id = await cluster.submit("echo", {"text": "hi"})
    [job] = await cluster.ended([job_id])
    assert job["status"] == "succeeded"


async def test_a_worker_that_waits_for_redis_ends_at_once_when_told_to(cluster: Cluster) -> None:
    cluster.redis.process.kill()
    worker = cluster.begin_worker()
    await cluster.until_metrics_answer(worker)
    worker.send(signal.SIGTERM)
    assert worker.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_has_lost_redis_ends_when_told_to(cluster: Cluster, number: signal.Signals) -> None:
    worker = await cluster.start_worker()
    cluster.redis.process.kill()
    worker.send(number)
    worker.send(number)
    assert worker.exit_code() == 0
    assert "Traceback" not in worker.log.read_text()


async def test_a_worker_whose_lanes_are_broken_ends_for_another_to_be_started(cluster: Cluster) -> None:
    worker = await cluster.start_worker()
    cluster.redis.client.set("bff:{c0}:lane:echo:high", "no stream")
    assert worker.exit_code() == 1


async def test_everything_lost_by_a_flush_is_laid_down_again(cluster: Cluster) -> None:
    await cluster.start_worker()
    cluster.redis.client.flushall()
    job_id = await cluster.submit("echo", {"text": "hi"})
    [job] = await cluster.ended([job_id])
    assert job["status"] == "succeeded"
