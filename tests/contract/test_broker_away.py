"""Redis is not there, does not answer, or has forgotten everything."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.broker.servers import Server
from tests.contract.calls import ECHO, HI, client_of, refused_for_now, submitted
from tests.contract.stack import gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
async def alone(own_redis: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway without worker, whose Redis has not been started."""
    with gateway(own_redis.url) as started:
        async with client_of(started.url) as client:
            yield client


async def until_ready(api: httpx.AsyncClient) -> None:
    while (await api.get("/readyz")).status_code != 200:
        await asyncio.sleep(0.02)


async def timed(api: httpx.AsyncClient, path: str) -> tuple[str, float]:
    began = time.monotonic()
    answer = await api.get(path)
    assert answer.status_code == 200
    return answer.text, time.monotonic() - began


async def assert_it_says_that_the_broker_is_away(api: httpx.AsyncClient) -> None:
    assert (await api.get("/livez")).status_code == 200
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    refused_for_now(await api.post(ECHO, json=HI), "broker-unavailable")
    refused_for_now(await api.get("/v1/jobs/01900000-0000-7000-8000-000000000000"), "broker-unavailable")
    metrics, alive = asyncio.create_task(timed(api, "/metrics")), await timed(api, "/livez")
    page, seconds = await metrics
    assert "\nbff_redis_up 0.0\n" in page
    assert "\nbff_queue_depth" not in page, "nothing that was true a while ago"
    assert seconds < 4, "sooner than Prometheus gives up"
    assert alive[1] < 0.5, "whoever scrapes keeps nobody waiting"


async def test_a_gateway_that_is_there_first_becomes_ready_later(own_redis: Server, alone: httpx.AsyncClient) -> None:
    await assert_it_says_that_the_broker_is_away(alone)
    own_redis.start()
    await until_ready(alone)
    await submitted(alone)


async def test_a_frozen_broker_lets_nothing_hang_and_nothing_happens_twice(
    own_redis: Server, alone: httpx.AsyncClient
) -> None:
    own_redis.start()
    await until_ready(alone)
    job = await submitted(alone)
    assert "\nbff_queue_depth" in (await alone.get("/metrics")).text
    own_redis.signal(signal.SIGSTOP)
    await assert_it_says_that_the_broker_is_away(alone)
    keyed = {"Idempotency-Key": "k1"}
    refused_for_now(await alone.post(ECHO, json=HI, headers=keyed), "broker-unavailable")
    refused_for_now(await alone.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=20"}), "broker-unavailable")
    own_redis.signal(signal.SIGCONT)
    await until_ready(alone)
    assert (await alone.get(f"/v1/jobs/{job['id']}")).json()["id"] == job["id"]
    again = [await alone.post(ECHO, json=HI, headers=keyed) for _ in range(3)]
    assert len({answer.json()["id"] for answer in again}) == 1


async def test_a_broker_that_was_replaced_by_an_empty_one_is_taken_up(
    own_redis: Server, alone: httpx.AsyncClient
) -> None:
    own_redis.start()
    await until_ready(alone)
    job = await submitted(alone)
    own_redis.kill()
    refused_for_now(await alone.post(ECHO, json=HI), "broker-unavailable")
    own_redis.start()
    await until_ready(alone)
    assert (await alone.get(f"/v1/jobs/{job['id']}")).status_code == 404
    await submitted(alone)
