"""Which Redis will do, and what a process says of one that will not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bff.broker.connect import Broker, connected
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Ended
from bff.broker.jobs import Accepted, Submission
from bff.broker.pipeline import Pipeline
from bff.catalog.model import Priority
from tests.broker.servers import Server, free_port, running
from tests.broker.world import World, a_catalog

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def joined(server: Server, ended: list[Ended]) -> AsyncIterator[Broker]:
    async with connected(server.url, a_catalog(), on_ended=ended.extend) as broker:
        yield broker


async def test_a_redis_that_never_evicts_will_do(own_redis: Server) -> None:
    async with joined(own_redis, []) as broker:
        assert await broker.complaint() is None


async def test_a_redis_that_evicts_keys_could_lose_jobs(own_redis: Server, own_pipeline: Pipeline) -> None:
    await own_pipeline.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    async with joined(own_redis, []) as broker:
        assert "maxmemory-policy allkeys-lru" in (await broker.complaint() or "")


async def test_a_replica_cannot_be_written_to(own_redis: Server, own_pipeline: Pipeline) -> None:
    async with joined(own_redis, []) as broker:
        await own_pipeline.execute("REPLICAOF", "127.0.0.1", "1")
        assert "the address of the primary" in (await broker.complaint() or "")


async def test_a_node_of_a_cluster_that_does_not_have_our_keys_will_not_do(redis_binary: Path) -> None:
    """To what names no key it answers all the same."""
    cluster = ("--cluster-enabled", "yes", "--port", str(free_port(below=55_536)))  # the bus is 10,000 ports above
    with running(redis_binary, *cluster) as node:
        async with joined(node, []) as broker:
            assert await broker.pipeline.execute("EVAL", "return 1", 0) == 1
            with pytest.raises(BrokerUnavailable, match="CLUSTERDOWN"):
                await broker.complaint()


async def test_one_that_is_away_is_no_complaint_but_an_error(own_redis: Server) -> None:
    async with joined(own_redis, []) as broker:
        own_redis.kill()
        with pytest.raises(BrokerUnavailable):
            await broker.complaint()
        own_redis.start()


async def test_a_process_may_start_before_redis_and_expires_jobs_by_itself(own_redis: Server) -> None:
    own_redis.kill()
    ended: list[Ended] = []
    async with joined(own_redis, ended) as broker:
        own_redis.start()
        submission = Submission(
            id="a-job", operation="one", client="c", priority=Priority.LOW, timeout_ms=150, parameters=b"{}"
        )
        assert isinstance(await _submitted(broker, submission), Accepted)
        while not ended:
            await asyncio.sleep(0.01)
        world = World(broker.pipeline, broker.cell.catalog, broker.cell.keys)
        while await world.leftovers():  # the entry goes with the next sweep
            await asyncio.sleep(0.01)
    assert [each.job_id for each in ended] == ["a-job"]


async def _submitted(broker: Broker, submission: Submission) -> object:
    while True:
        try:
            return await broker.jobs.submit(submission)
        except BrokerUnavailable:
            await asyncio.sleep(0.01)
