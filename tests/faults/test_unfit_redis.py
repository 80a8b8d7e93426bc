"""A Redis that answers and will not do: the gateway is not ready, and says why."""

from typing import Any

import pytest

from tests.faults.cluster import Cluster
from tests.faults.submitting import post, refused_for_now, until_unfit

pytestmark = pytest.mark.anyio


async def test_one_that_may_evict_jobs_makes_the_gateway_not_ready(cluster: Cluster) -> None:
    redis: Any = cluster.redis.client
    redis.config_set("maxmemory-policy", "allkeys-lru")
    await until_unfit(cluster, "maxmemory-policy allkeys-lru")
    redis.config_set("maxmemory-policy", "noeviction")
    await cluster.until_ready()


async def test_a_replica_makes_the_gateway_not_ready_and_accepts_nothing(cluster: Cluster) -> None:
    redis: Any = cluster.redis.client
    await cluster.start_worker()
    job_id = await cluster.submit("echo", {"text": "hi"})
    await cluster.ended([job_id])
    redis.replicaof("127.0.0.1", "1")
    await until_unfit(cluster, "read-only replica")
    refused_for_now(await post(cluster, "echo", "k1"))
    redis.replicaof("NO", "ONE")
    await cluster.until_ready()
    jobs = await cluster.ended([job_id, (await post(cluster, "echo", "k1")).json()["id"]])
    assert {job["status"] for job in jobs} == {"succeeded"}
    await cluster.at_rest()
