"""What breaks while clients wait on WebSockets and event streams."""

import asyncio
import signal

import pytest

from tests.contract.sockets import socket
from tests.contract.streams import stream
from tests.faults.cluster import Cluster
from tests.faults.test_killed_connections import again_and_again

pytestmark = pytest.mark.anyio

HI = {"text": "hi"}


def address(cluster: Cluster) -> str:
    return str(cluster.http.base_url)


async def by_socket(cluster: Cluster, job_id: str, waiting: asyncio.Event) -> str:
    """The status in which the job is told to have ended."""
    async with socket(address(cluster)) as client:
        assert (await client.subscribe(job_id))["job"]["status"] == "queued"
        waiting.set()
        status: str = (await client.until_done())[-1]["job"]["status"]
        return status


async def by_stream(cluster: Cluster, job_id: str, waiting: asyncio.Event) -> str:
    status = ""
    async with stream(cluster.http, job_id) as opened:
        async for event in opened.events():
            waiting.set()
            status = event.job["status"]
    return status


async def both_wait(cluster: Cluster, job_id: str) -> "asyncio.Future[list[str]]":
    """Two clients, each told once how the job stands."""
    events = [asyncio.Event(), asyncio.Event()]
    told = asyncio.gather(
        *(by(cluster, job_id, event) for by, event in zip((by_socket, by_stream), events, strict=True))
    )
    for event in events:
        await event.wait()
    return told


async def test_who_waits_is_told_although_redis_was_killed_meanwhile(cluster: Cluster) -> None:
    job_id = await cluster.submit("echo", HI)
    told = await both_wait(cluster, job_id)
    cluster.redis.process.kill()
    await cluster.until_not_ready()
    async with socket(address(cluster)) as client:
        answer = await client.subscribe(job_id)
        assert (answer["type"], answer["problem"]["type"]) == ("error", "/problems/broker-unavailable")
    refused = await cluster.http.get(f"/v1/jobs/{job_id}/events")
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/broker-unavailable")
    cluster.redis.start()
    await cluster.start_worker()
    assert await told == ["succeeded", "succeeded"]
    await cluster.at_rest()


async def test_who_waits_is_told_although_redis_was_frozen_meanwhile(cluster: Cluster) -> None:
    job_id = await cluster.submit("echo", HI)
    told = await both_wait(cluster, job_id)
    cluster.redis.process.send(signal.SIGSTOP)
    await cluster.until_not_ready()
    async with socket(address(cluster)) as client:
        assert (await client.subscribe(job_id))["problem"]["type"] == "/problems/broker-unavailable"
        cluster.redis.process.send(signal.SIGCONT)
        await cluster.until_ready()
        assert (await client.subscribe(job_id))["type"] == "job"
    await cluster.start_worker()
    assert await told == ["succeeded", "succeeded"]
    await cluster.at_rest()


async def test_who_waits_is_told_while_subscriptions_are_killed(cluster: Cluster) -> None:
    await cluster.steer("echo", seconds=0.3)
    async with again_and_again(lambda: cluster.redis.client.client_kill_filter(_type="pubsub")):
        told = [await both_wait(cluster, await cluster.submit("echo", HI)) for _ in range(5)]
        await cluster.start_worker()
        assert await asyncio.gather(*told) == [["succeeded", "succeeded"]] * 5
    await cluster.at_rest()


async def test_a_job_that_redis_has_forgotten_is_told_as_unknown(cluster: Cluster) -> None:
    job_id = await cluster.submit("echo", HI)
    async with socket(address(cluster)) as client, stream(cluster.http, job_id) as opened:
        assert (await client.subscribe(job_id))["type"] == "job"
        cluster.redis.client.flushall()
        answer = await client.hear()
        assert (answer["type"], answer["id"]) == ("error", job_id)
        assert answer["problem"]["type"] == "/problems/unknown-job"
        assert [event.job["status"] async for event in opened.events()] == ["queued"]


async def test_after_its_gateway_was_killed_a_client_goes_on_at_another_where_it_was(cluster: Cluster) -> None:
    first = cluster.gateway
    await cluster.start_gateway()
    urls = [str(front.base_url) for front in cluster.fronts.values()]
    job_id = await cluster.submit("echo", HI)
    async with socket(urls[0]) as client:
        seen = (await client.subscribe(job_id))["version"]
        first.kill()
        code, heard = await client.closed()
        assert (code, heard) == (1006, [])
    async with socket(urls[1]) as client, stream(cluster.http, job_id, last_event_id=str(seen)) as opened:
        await client.say("subscribe", id=job_id, after=seen)
        await cluster.start_worker()
        versions = [message["version"] for message in await client.until_done()]
        ids = [event.id async for event in opened.events()]
    assert min(versions) > seen
    assert versions[-1] == ids[-1]
    assert min(ids) > seen
