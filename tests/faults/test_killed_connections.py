"""Redis that hangs up on everybody again and again, and forgets its scripts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.cluster import Cluster
from tests.faults.submitting import jobs_kept, load

pytestmark = pytest.mark.anyio

WAITERS = 20


@asynccontextmanager
async def again_and_again(disturb: Callable[[], object]) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            disturb()
            await asyncio.sleep(0.05)

    repeating = asyncio.create_task(repeat())
    yield
    assert not repeating.done(), repeating.exception()
    repeating.cancel()


async def test_every_waiter_gets_its_result_while_subscriptions_are_killed(cluster: Cluster) -> None:
    await cluster.steer("echo", seconds=0.3)
    kill = cluster.redis.client.client_kill_filter

    async def wait_for(job_id: str) -> str:
        answer = await cluster.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=20"})
        assert answer.status_code == 200, answer.text
        status: str = answer.json()["status"]
        return status

    async with again_and_again(lambda: kill(_type="pubsub")):
        job_ids = [await cluster.submit("echo", {"text": "hi"}) for _ in range(WAITERS)]
        waiting = asyncio.gather(*(wait_for(job_id) for job_id in job_ids))
        await cluster.start_worker()
        assert set(await waiting) == {"succeeded"}
    await cluster.at_rest()


async def test_nothing_is_lost_or_done_twice_while_scripts_are_flushed_and_connections_killed(cluster: Cluster) -> None:
    redis = cluster.redis.client
    worker = await cluster.start_worker()

    def disturb() -> None:
        redis.script_flush()
        redis.client_kill_filter(_type="normal", skipme=True)

    async with load(cluster, "checkout") as submitted:
        await submitted.until_accepted(5)
        async with again_and_again(disturb):
            await submitted.until_accepted(60)
    assert jobs_kept(cluster) == set(submitted.job_ids)
    jobs = await cluster.ended(submitted.job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()
    assert "Traceback" not in worker.log.read_text() + cluster.gateway.log.read_text()
