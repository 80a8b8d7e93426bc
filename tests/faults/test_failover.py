"""A failover that loses the last writes: what the replica never got is unknown, everything else goes on."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.processes import RedisProcess, free_port
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.rest import leftovers
from tests.faults.submitting import load, post, refused_for_now, until_unfit

pytestmark = pytest.mark.anyio


@dataclass
class Pair:
    """`address` is where everybody looks for the primary; the replica follows by way of `replication`."""

    primary: RedisProcess
    replica: RedisProcess
    address: Proxy
    replication: Proxy

    async def in_sync(self) -> None:
        while True:
            primary, replica = (redis.client.info("replication") for redis in (self.primary, self.replica))
            if replica["master_link_status"] == "up" and replica["slave_repl_offset"] == primary["master_repl_offset"]:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def pair(redis: RedisProcess) -> AsyncIterator[Pair]:
    port = free_port()
    redis.process.kill()
    redis.start("--port", str(port))
    with tempfile.TemporaryDirectory(prefix="bff-") as short:
        replica = RedisProcess(Path(short))
        replica.start()
        try:
            async with proxy_to(redis.socket) as address, proxy_to(port) as replication:
                replica.client.replicaof("127.0.0.1", replication.port)
                redis.url = f"redis://127.0.0.1:{address.port}"
                yield Pair(redis, replica, address, replication)
        finally:
            replica.client.close()
            replica.process.kill()


async def test_after_a_failover_that_lost_jobs_these_are_unknown_and_all_others_end(
    pair: Pair, cluster: Cluster
) -> None:
    worker = await cluster.start_worker()
    await cluster.steer("payments", seconds=0.2)
    async with load(cluster, "checkout") as submitted:
        await submitted.until_accepted(20)
        await pair.in_sync()
        pair.replication.hold()
        before = len(submitted.accepted)
        await submitted.until_accepted(20)
        pair.primary.process.kill()
        pair.address.target = pair.replica.socket
        refused_for_now(await post(cluster, "checkout", "to-the-replica"))
        await until_unfit(cluster, "replica")
        pair.replica.client.replicaof("NO", "ONE")
        await cluster.until_ready()
        at_failover = len(submitted.accepted)
        await submitted.until_accepted(20)
    cluster.redis.client.close()
    cluster.redis.client = pair.replica.client
    ids = submitted.job_ids
    known = [job_id for job_id in ids if (await cluster.http.get(f"/v1/jobs/{job_id}")).status_code == 200]
    lost = [job_id for job_id in ids if job_id not in known]
    assert len(lost) >= 15
    assert not set(lost) & set(ids[:before]), "what the replica had is there"
    assert not set(lost) & set(ids[at_failover:]), "what came later is there"
    assert {(await cluster.http.get(f"/v1/jobs/{job_id}")).status_code for job_id in lost} == {404}
    jobs = await cluster.ended(known)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert worker.alive
    await cluster.no_effect_twice()

    async def at_rest_but_for_the_lag() -> bool:
        """Which the janitor sets right within the hour."""
        return all("has a lag" in line for line in leftovers(cluster.redis.client))

    await cluster.until(at_rest_but_for_the_lag, "nothing is left")
    said = worker.log.read_text() + cluster.gateway.log.read_text()
    assert "NOGROUP" not in said
    assert "Traceback" not in said
