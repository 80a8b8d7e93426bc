"""Whoever is to be told of a job's end is told at least once, with the same id each time, whatever dies on the way."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bff.catalog.clients import new_webhook_secret
from bff.failpoints import Point
from tests.contract.receiver import Receiver, receiver, status
from tests.faults.cluster import Cluster
from tests.faults.processes import RedisProcess
from tests.faults.stage import own_cluster

pytestmark = pytest.mark.anyio

SECRET = new_webhook_secret()
OUTBOX = "bff:{c0}:notify"
JOBS = 20


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture
async def cluster(
    mock_url: str, redis: RedisProcess, tmp_path: Path, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cluster]:
    """It may tell the receiver; arq's queue is in a database of its own."""
    clients = tmp_path / "clients.toml"
    clients.write_text(f'[clients.public]\nwebhook_secrets = ["{SECRET}"]\n')
    monkeypatch.setenv("CLIENTS_FILE", str(clients))
    monkeypatch.setenv("WEBHOOK_ALLOWED", hook.origin)
    monkeypatch.setenv("ARQ_REDIS_URL", f"{redis.url}?db=1")
    async with own_cluster(mock_url, redis, tmp_path) as cluster:
        yield cluster


async def submit(cluster: Cluster, hook: Receiver) -> str:
    return await cluster.submit("echo", {"text": "hi"}, request_notify=hook.origin)


async def until_in_hand(cluster: Cluster, job_id: str) -> None:
    """Its job has ended, and somebody has begun to tell of it."""

    async def begun() -> bool:
        return bool(cluster.redis.client.hget(f"bff:{{c0}}:job:{job_id}", "notify_begun"))

    await cluster.until(begun, "its delivery has begun")


def let_leases_end(cluster: Cluster) -> None:
    for job_id in cluster.redis.client.zrange(OUTBOX, 0, -1):
        cluster.redis.client.zadd(OUTBOX, {job_id: 0}, xx=True)


@pytest.mark.parametrize(("point", "already"), [(Point.BEFORE_DELIVERY, 0), (Point.AFTER_DELIVERY, 1)])
async def test_what_a_killed_worker_had_in_hand_another_delivers(
    cluster: Cluster, hook: Receiver, point: Point, already: int
) -> None:
    killed = await cluster.start_worker(failpoint=f"{point}:kill")
    job_id = await submit(cluster, hook)
    assert killed.exit_code() == -signal.SIGKILL
    assert hook.deliveries.qsize() == already
    await cluster.start_worker()
    let_leases_end(cluster)
    await cluster.at_rest()
    deliveries = [hook.next() for _ in range(already + 1)]
    assert {delivery.id for delivery in deliveries} == {job_id}
    assert all(delivery.verified(SECRET) for delivery in deliveries)
    assert hook.deliveries.empty()


async def test_a_frozen_worker_that_wakes_changes_nothing(cluster: Cluster, hook: Receiver) -> None:
    """It tells the receiver what that knows already, under the same id."""
    frozen = await cluster.start_worker(failpoint=f"{Point.BEFORE_DELIVERY}:stop")
    job_id = await submit(cluster, hook)
    await until_in_hand(cluster, job_id)
    await cluster.start_worker()
    let_leases_end(cluster)
    assert (await asyncio.to_thread(hook.next)).id == job_id
    await cluster.at_rest()
    frozen.send(signal.SIGCONT)
    assert (await asyncio.to_thread(hook.next)).id == job_id
    frozen.send(signal.SIGTERM)
    assert frozen.exit_code() == 0
    await cluster.at_rest()
    assert cluster.redis.client.xlen("bff:{c0}:dead") == 0


async def test_what_arq_loses_comes_again(cluster: Cluster, hook: Receiver) -> None:
    """Its Redis is emptied again and again while jobs end."""
    worker = await cluster.start_worker()
    job_ids = set()
    for _ in range(JOBS):
        job_ids.add(await submit(cluster, hook))
        cluster.redis.client.execute_command("SELECT", 1)
        cluster.redis.client.flushdb()
        cluster.redis.client.execute_command("SELECT", 0)

    async def all_told() -> bool:
        let_leases_end(cluster)
        await asyncio.sleep(0.3)
        return bool(cluster.redis.client.zcard(OUTBOX) == 0)

    await cluster.ended(sorted(job_ids))
    await cluster.until(all_told, "nobody is left to be told")
    told = {hook.next().id for _ in range(hook.deliveries.qsize())}
    assert told == job_ids
    assert worker.alive


async def test_whoever_is_to_be_told_survives_redis(cluster: Cluster, hook: Receiver) -> None:
    hook.answers[:] = [status(500), status(200)]
    worker = await cluster.start_worker()
    job_id = await submit(cluster, hook)
    assert (await asyncio.to_thread(hook.next)).id == job_id

    async def noted() -> bool:
        return bool(cluster.redis.client.zscore(OUTBOX, job_id) and "http-500" in worker.log.read_text())

    await cluster.until(noted, "the failed attempt is noted")
    cluster.redis.process.kill()
    cluster.redis.start()
    await cluster.until_ready()
    let_leases_end(cluster)
    assert (await asyncio.to_thread(hook.next)).id == job_id
    await cluster.at_rest()
    assert worker.alive


async def test_a_worker_that_is_told_to_end_ends_what_it_tells_first(cluster: Cluster, hook: Receiver) -> None:
    may_answer = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(handler: object) -> None:
        asyncio.run_coroutine_threadsafe(may_answer.wait(), loop).result(10)
        status(200)(handler)  # type: ignore[arg-type]

    hook.answers[:] = [slow]
    worker = await cluster.start_worker()
    job_id = await submit(cluster, hook)
    assert (await asyncio.to_thread(hook.next)).id == job_id
    worker.send(signal.SIGTERM)
    await cluster.until_metrics_answer(worker)
    may_answer.set()
    assert await asyncio.to_thread(worker.exit_code) == 0
    await cluster.at_rest()
    assert hook.deliveries.empty()
