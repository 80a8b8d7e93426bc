"""Redis that is there and does not answer, in each way that it can: nobody hangs, nothing is done twice."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import anyio
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from tests.faults.cluster import Cluster
from tests.faults.processes import RedisProcess
from tests.faults.submitting import jobs_kept, load, post, refused_for_now

pytestmark = pytest.mark.anyio

ANSWERED_WITHIN_SECONDS = 10
"""An answer takes as long as Redis may, 2 s, and a held one 2 s more; the rest is for a machine that is busy."""

Freeze = Callable[[RedisProcess], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def stopped(redis: RedisProcess) -> AsyncIterator[None]:
    redis.process.send(signal.SIGSTOP)
    yield
    redis.process.send(signal.SIGCONT)


@asynccontextmanager
async def writing_nothing(redis: RedisProcess) -> AsyncIterator[None]:
    """As in a failover that somebody ordered: what may write waits, the rest is answered."""
    redis.client.client_pause(60_000, all=False)
    yield
    redis.client.client_unpause()


@asynccontextmanager
async def busy_with_a_script(redis: RedisProcess) -> AsyncIterator[None]:
    redis.client.config_set("lua-time-limit", 50)  # then it says so
    with Redis.from_url(redis.url) as other:
        running = asyncio.create_task(asyncio.to_thread(other.eval, "while true do end", 0))
        yield
        redis.client.script_kill()
        with suppress(ResponseError):
            await running


FREEZES = [stopped, writing_nothing, busy_with_a_script]


@pytest.mark.parametrize("freeze", FREEZES)
async def test_while_redis_is_frozen_everybody_is_answered_and_a_repeated_request_is_one(
    cluster: Cluster, freeze: Freeze
) -> None:
    job_id = await cluster.submit("echo", {"text": "hi"})
    waiting = asyncio.create_task(cluster.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=20"}))

    async def waited_for() -> bool:
        return bool(cluster.redis.client.pubsub_channels("bff:{c0}:changed:*"))

    await cluster.until(waited_for, "somebody waits for the job")
    async with freeze(cluster.redis):
        await cluster.until_not_ready()
        with anyio.fail_after(ANSWERED_WITHIN_SECONDS):
            refused_for_now(await post(cluster, "echo", "k1"))
        with anyio.fail_after(ANSWERED_WITHIN_SECONDS):
            refused_for_now(await waiting)
        assert (await cluster.http.get("/livez")).status_code == 200
        assert (await cluster.http.get("/readyz")).status_code == 503
    await cluster.until_ready()
    repeated = {(await post(cluster, "echo", "k1")).json()["id"] for _ in range(3)}
    assert len(repeated) == 1
    assert jobs_kept(cluster) == repeated | {job_id}
    await cluster.start_worker()
    jobs = await cluster.ended([job_id, *repeated])
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert (await cluster.counted("echo"))["calls"] == 2
    await cluster.at_rest()


@pytest.mark.parametrize("freeze", [writing_nothing, busy_with_a_script])
async def test_work_under_load_goes_on_after_redis_was_frozen(cluster: Cluster, freeze: Freeze) -> None:
    worker = await cluster.start_worker()
    async with load(cluster, "checkout") as submitted:
        await cluster.until_called("payments", 3)
        async with freeze(cluster.redis):
            await submitted.until_refused()
            await submitted.until_refused()
        await submitted.until_accepted(10)
    assert jobs_kept(cluster) == set(submitted.job_ids)
    jobs = await cluster.ended(submitted.job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()
