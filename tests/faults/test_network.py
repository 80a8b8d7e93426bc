"""The network between gateway or worker and Redis: cut, one way, slow, breaking, half open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import pytest

from tests.faults.cluster import Cluster
from tests.faults.processes import RedisProcess
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.submitting import jobs_kept, load, post, refused_for_now

pytestmark = pytest.mark.anyio

Disturb = Callable[[Proxy], Awaitable[None]]


@pytest.fixture
async def gateways_way(redis: RedisProcess) -> AsyncIterator[Proxy]:
    """From the gateway to Redis."""
    async with proxy_to(redis.socket) as proxy:
        redis.url = f"redis://127.0.0.1:{proxy.port}"
        yield proxy


@pytest.fixture
async def workers_way(redis: RedisProcess) -> AsyncIterator[Proxy]:
    """From the worker to Redis."""
    async with proxy_to(redis.socket) as proxy:
        yield proxy


@pytest.fixture
def cluster(gateways_way: Proxy, cluster: Cluster, workers_way: Proxy) -> Cluster:
    """Its gateway is started by now, and what is started next goes the worker's way."""
    cluster.redis.url = f"redis://127.0.0.1:{workers_way.port}"
    return cluster


async def slow(way: Proxy) -> None:
    way.delay_seconds = 0.1


async def breaking(way: Proxy) -> None:
    while True:
        way.reset()
        await asyncio.sleep(0.05)


async def breaking_within_answers(way: Proxy) -> None:
    way.drop_after_bytes = 5000


async def half_open(way: Proxy) -> None:
    way.strand()


@pytest.mark.parametrize("cut", [Proxy.hold, Proxy.hold_answers])
async def test_a_gateway_that_is_cut_off_says_so_and_a_repeated_request_is_one(
    cluster: Cluster, gateways_way: Proxy, cut: Callable[[Proxy], None]
) -> None:
    first = await cluster.submit("echo", {"text": "hi"})
    cut(gateways_way)
    with anyio.fail_after(10):
        refused_for_now(await post(cluster, "echo", "k1"))
    assert (await cluster.http.get("/readyz")).status_code == 503
    assert (await cluster.http.get("/livez")).status_code == 200
    gateways_way.release()
    await cluster.until_ready()

    async def arrived() -> bool:
        return len(jobs_kept(cluster)) == 2

    await cluster.until(arrived, "what the gateway gave up on is there")
    answer = await post(cluster, "echo", "k1")
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert jobs_kept(cluster) == {first, answer.json()["id"]}
    await cluster.start_worker()
    jobs = await cluster.ended([first, answer.json()["id"]])
    assert {job["status"] for job in jobs} == {"succeeded"}
    await cluster.at_rest()


async def test_another_worker_does_what_one_that_is_cut_off_had_begun(
    cluster: Cluster, gateways_way: Proxy, workers_way: Proxy
) -> None:
    await cluster.steer("payments", seconds=0.6)
    cut_off = await cluster.start_worker()
    job_ids = [await cluster.checkout() for _ in range(8)]
    await cluster.until_called("payments", 8)
    workers_way.hold()
    cluster.redis.url = f"redis://127.0.0.1:{gateways_way.port}"
    other = await cluster.start_worker()
    jobs = await cluster.ended(job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    await cluster.no_effect_twice()
    await cluster.at_rest()
    workers_way.release()
    other.kill()
    [later] = await cluster.ended([await cluster.checkout()])
    assert later["status"] == "succeeded"
    assert cut_off.alive
    assert await cluster.ended(job_ids) == jobs, "what came late has changed nothing"
    await cluster.at_rest()


@pytest.mark.parametrize("disturb", [slow, breaking, breaking_within_answers])
async def test_nothing_is_lost_or_done_twice_while_the_network_is_bad(
    cluster: Cluster, gateways_way: Proxy, workers_way: Proxy, disturb: Disturb
) -> None:
    worker = await cluster.start_worker()
    ways = (gateways_way, workers_way)
    async with load(cluster, "checkout") as submitted:
        await submitted.until_accepted(5)
        disturbing = [asyncio.ensure_future(disturb(way)) for way in ways]
        await submitted.until_accepted(40)
        for each in disturbing:
            each.cancel()
        for way in ways:
            way.delay_seconds, way.drop_after_bytes = 0, None
    assert jobs_kept(cluster) == set(submitted.job_ids)
    jobs = await cluster.ended(submitted.job_ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()
    await cluster.at_rest()


async def test_connections_that_died_unnoticed_are_given_up_and_every_waiter_gets_its_result(
    cluster: Cluster, gateways_way: Proxy, workers_way: Proxy
) -> None:
    worker = await cluster.start_worker()
    await cluster.steer("echo", seconds=0.5)
    job_id = await cluster.submit("echo", {"text": "hi"})
    waiting = asyncio.create_task(cluster.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=20"}))
    await cluster.until_called("echo")
    gateways_way.strand()
    workers_way.strand()
    answer = await waiting
    if answer.status_code == 503:  # it read over the dead connection
        refused_for_now(answer)
    [job] = await cluster.ended([job_id])
    assert job["status"] == "succeeded"
    async with load(cluster) as submitted:
        await submitted.until_accepted(20)
    later = await cluster.ended(submitted.job_ids)
    assert {job["status"] for job in later} == {"succeeded"}
    assert worker.alive
    gateways_way.reset()  # as Redis itself would in the end: until then the dead connection is subscribed
    await cluster.at_rest()
