"""F21: every gateway and every worker is replaced under load. F5: Redis is killed under load."""

import asyncio
import random
import signal

import pytest

from tests.faults.client import Client
from tests.faults.cluster import Cluster
from tests.faults.history import F, Type
from tests.faults.judge import judged
from tests.faults.load import load
from tests.faults.processes import Process

pytestmark = pytest.mark.anyio

PER_SECOND = 15


async def ended_well(process: Process) -> None:
    process.send(signal.SIGTERM)
    assert await asyncio.to_thread(process.exit_code) == 0, process.log.read_text()


async def all_succeeded(cluster: Cluster, client: Client) -> None:
    verdict = await judged(cluster, client)
    assert set(verdict.statuses) == {"succeeded"}, client.history.path


async def test_replacing_every_gateway_and_worker_under_load_is_noticed_by_nobody(
    cluster: Cluster, client: Client
) -> None:
    """Starting eight processes takes most of its ten seconds."""
    await cluster.steer("reports", seconds=0.05)
    first = cluster.gateway
    second, *workers = await asyncio.gather(cluster.start_gateway(), cluster.start_worker(), cluster.start_worker())
    async with load(client, PER_SECOND, random.Random(21)):
        for gateway, worker in zip((first, second), workers, strict=True):
            await asyncio.gather(cluster.start_gateway(), cluster.start_worker())
            del cluster.fronts[gateway.pid]  # whoever sends requests to gateways hears of it first
            await asyncio.gather(ended_well(gateway), ended_well(worker))
    await all_succeeded(cluster, client)
    told = {event.detail for event in client.history.events}
    assert told <= {"", "replayed", "draining", "ConnectError", "RemoteProtocolError", "ReadError"}


async def test_what_is_in_doubt_when_redis_is_killed_is_known_by_repeating_it(cluster: Cluster, client: Client) -> None:
    await cluster.steer("reports", seconds=0.05)
    await cluster.start_worker()
    await cluster.start_gateway()

    async def in_doubt() -> bool:
        return any(event.f is F.SUBMIT and event.type is Type.INFO for event in client.history.events)

    async with load(client, PER_SECOND, random.Random(5)):
        await cluster.until_called("payments", 2)
        cluster.redis.process.kill()
        await cluster.until(in_doubt, "a client is in doubt")
        cluster.redis.start()
        await cluster.until_ready()
        await cluster.until_called("payments")
    verdict = await judged(cluster, client)
    assert set(verdict.statuses) <= {"succeeded", "expired"}
    assert verdict.recovered
