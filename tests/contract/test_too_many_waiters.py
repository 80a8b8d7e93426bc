"""No more are let in to wait than a gateway may hold; and they are counted."""

import asyncio

import httpx
import pytest

from tests.contract.calls import CHECKOUT, Steer, client_of, constant, problem_of, submitted
from tests.contract.sockets import socket
from tests.contract.stack import Up, gateway
from tests.contract.streams import stream

pytestmark = pytest.mark.anyio


async def waiters(api: httpx.AsyncClient) -> dict[str, float]:
    lines = (await api.get("/metrics")).text.splitlines()
    found = (line.partition(" ") for line in lines if line.startswith("bff_waiters{"))
    return {name.split('"')[1]: float(value) for name, _, value in found}


async def test_one_more_than_may_wait_is_turned_away_each_channel_in_its_way(stack: Up, steer: Steer) -> None:
    await steer("payments", latency=constant(5))
    with gateway(stack.redis_url, "--max-waiters=2") as small:
        async with client_of(small.url) as api:
            job = await submitted(api, CHECKOUT)
            async with stream(api, job["id"]), socket(small.url) as first:
                assert (await first.subscribe(job["id"]))["type"] == "job"
                assert await waiters(api) == {"long_poll": 0, "sse": 1, "websocket": 1}
                refused = await api.get(f"/v1/jobs/{job['id']}/events")
                problem_of(refused, 503, "too-many-waiters")
                assert int(refused.headers["retry-after"]) >= 1
                async with socket(small.url) as second:
                    assert await second.closed() == (1013, [])
                polled = await api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"})
                assert polled.json()["status"] in ("queued", "running")
            while any((await waiters(api)).values()):
                await asyncio.sleep(0.02)
            async with socket(small.url) as again:
                assert (await again.subscribe(job["id"]))["type"] == "job"
            await api.delete(f"/v1/jobs/{job['id']}")


async def test_what_is_told_is_counted_by_its_channel(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    async def told(channel: str) -> float:
        line = f'bff_retrievals_total{{channel="{channel}"}} '
        lines = (await api.get("/metrics")).text.splitlines()
        return sum(float(each.removeprefix(line)) for each in lines if each.startswith(line))

    before = [await told(channel) for channel in ("sse", "websocket")]
    job = await submitted(api)
    async with stream(api, job["id"]) as opened, socket(stack.gateway_url) as client:
        await client.say("subscribe", id=job["id"])
        events = [event async for event in opened.events()]
        messages = await client.until_done()
    after = [await told(channel) for channel in ("sse", "websocket")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [len(events), len(messages)]
