"""Gateways that die: what they accepted lives in the broker."""

import asyncio

import httpx
import pytest

from tests.faults.cluster import CHECKOUT, Cluster

pytestmark = pytest.mark.anyio


async def test_the_same_key_finds_the_same_job_after_its_gateway_was_killed(cluster: Cluster) -> None:
    headers = {"Idempotency-Key": "k1"}

    async def post() -> httpx.Response:
        return await cluster.http.post("/v1/operations/checkout", json=CHECKOUT, headers=headers)

    async def accepted() -> bool:
        return bool(cluster.redis.client.keys("bff:{c0}:job:*"))

    posting = asyncio.create_task(post())
    await cluster.until(accepted, "the job is in the broker")
    cluster.gateway.kill()
    await asyncio.gather(posting, return_exceptions=True)
    [key] = cluster.redis.client.keys("bff:{c0}:job:*")
    await cluster.start_gateway()
    answers = [await post(), await post()]
    assert {answer.json()["id"] for answer in answers} == {key.decode().rpartition(":")[2]}
    assert [answer.headers["Idempotency-Replayed"] for answer in answers] == ["true", "true"]
    await cluster.start_worker()
    [job] = await cluster.ended([answers[0].json()["id"]])
    assert job["status"] == "succeeded"
    assert (await cluster.counted("payments"))["effects"] == 1
    await cluster.at_rest()
