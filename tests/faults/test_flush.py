"""Redis that is emptied by mistake: what it held is gone, and all goes on."""

import asyncio

import anyio
import pytest

from tests.faults.cluster import Cluster
from tests.faults.submitting import jobs_kept, load

pytestmark = pytest.mark.anyio

FLUSHES = 3


async def test_jobs_that_a_flush_under_load_took_are_unknown_and_all_later_ones_are_done(cluster: Cluster) -> None:
    await cluster.steer("payments", seconds=0.3)
    worker = await cluster.start_worker()
    flushed: list[str] = []
    async with load(cluster, "checkout") as submitted:
        for _ in range(FLUSHES):
            await cluster.until_called("payments", 3)
            cluster.redis.client.flushall()
            flushed = submitted.job_ids
            await submitted.until_accepted(10)
    kept = jobs_kept(cluster)
    lost = set(submitted.job_ids) - kept
    assert len(lost & set(flushed)) >= 3 * FLUSHES
    # Of those that were just being accepted nobody can say on which side of the flush they were.
    assert len(lost - set(flushed)) <= 4
    answers = [await cluster.http.get(f"/v1/jobs/{job_id}") for job_id in lost]
    assert {(answer.status_code, answer.json()["type"].rpartition("/")[2]) for answer in answers} == {
        (404, "unknown-job")
    }
    jobs = await cluster.ended(sorted(kept))
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.at_rest()
    assert "Traceback" not in worker.log.read_text() + cluster.gateway.log.read_text()


async def test_who_waits_for_a_job_that_a_flush_took_is_told_that_it_is_unknown(cluster: Cluster) -> None:
    job_id = await cluster.submit("echo", {"text": "hi"})
    waiting = asyncio.create_task(cluster.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=20"}))

    async def waited_for() -> bool:
        return bool(cluster.redis.client.pubsub_channels("bff:{c0}:changed:*"))

    await cluster.until(waited_for, "somebody waits for the job")
    cluster.redis.client.flushall()
    with anyio.fail_after(10):
        assert (await waiting).status_code == 404
