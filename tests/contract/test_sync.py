"""Synchronous mode: the answer is the ended job, the gateway makes the calls, and all links of the job work."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from redis import Redis

from bff.broker.keys import Keys
from tests.contract.calls import (
    CART,
    CHECKOUT,
    ECHO,
    HI,
    Steer,
    client_of,
    constant,
    ended,
    job_where,
    problem_of,
    refused_for_now,
    until_in_flight,
)
from tests.contract.stack import Gateway, Up, gateway, worker

pytestmark = pytest.mark.anyio

PREFIX = f"sync-{uuid.uuid4().hex[:8]}"
OPERATIONS = ("echo", "checkout", "home-screen", "report")


@pytest.fixture(scope="module")
def alone(stack: Up) -> Iterator[Gateway]:
    """A gateway of an installation without workers, two synchronous jobs at a time, all of its traffic synchronous."""
    with Redis.from_url(stack.redis_url) as redis:
        redis.hset(Keys(PREFIX).rollout(), mapping=dict.fromkeys(OPERATIONS, 0))
    options = (f"--key-prefix={PREFIX}", "--max-sync=2", f"--downstream-url={stack.mock_url}", "--drain-seconds=5")
    with gateway(stack.redis_url, *options) as started:
        yield started


@pytest.fixture
async def sync(alone: Gateway, mock: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(alone.url) as client:
        yield client


async def test_the_answer_is_the_ended_job_and_can_be_read_again(sync: httpx.AsyncClient) -> None:
    answer = await sync.post(CHECKOUT, json=CART)
    job = answer.json()
    assert (answer.status_code, job["status"], job["mode"]) == (200, "succeeded", "sync")
    assert [call["status"] for call in job["calls"].values()] == ["succeeded"] * 3
    assert answer.headers["content-location"] == job["links"]["self"]
    assert "location" not in answer.headers
    assert "retry-after" not in answer.headers
    assert (await sync.get(job["links"]["self"])).json() == job
    assert (await sync.get(job["links"]["result"])).json() == job["result"]


async def test_respond_async_overrides_it(sync: httpx.AsyncClient) -> None:
    answer = await sync.post(ECHO, json=HI, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["mode"]) == (202, "async")
    assert answer.headers["preference-applied"] == "respond-async"
    await sync.delete(answer.json()["links"]["self"])


async def test_optional_calls_may_fail_and_fall_back(sync: httpx.AsyncClient, steer: Steer) -> None:
    await steer("history", error_rate=1, error_status=400)
    await steer("recommendations", error_rate=1, error_status=400)
    answer = await sync.post("/v1/operations/home-screen", json={"user_id": "u1"})
    job = answer.json()
    assert (answer.status_code, job["status"], job["partial"], job["degraded"]) == (200, "succeeded", True, True)
    assert job["calls"]["balance"]["status"] == "succeeded"


async def test_a_failure_is_a_200_that_says_so(sync: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", error_rate=1, error_status=400)
    answer = await sync.post(ECHO, json=HI)
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    problem_of(await sync.get(answer.json()["links"]["result"]), 502, "job-failed")


async def test_a_call_that_failed_is_tried_again(sync: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", error_rate=0.5, error_status=500, seed=3)
    attempts = []
    for _ in range(10):
        job = (await sync.post(ECHO, json=HI)).json()
        attempts.append(job["calls"]["echo"]["attempts"])
    assert max(attempts) > 1


async def test_with_wait_the_client_gets_the_id_when_the_time_is_over_and_the_work_goes_on(
    sync: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("echo", latency=constant(0.6))
    answer = await sync.post(ECHO, json=HI, headers={"Prefer": "wait=0.1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.headers["preference-applied"] == "wait=0.1"
    assert (await job_where(sync, answer.json()["id"], ended))["status"] == "succeeded"


async def test_its_deadline_ends_it(sync: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", latency=constant(1.5))
    answer = await sync.post(ECHO, json=HI, headers={"Request-Timeout": "0.5"})
    assert (answer.status_code, answer.json()["status"]) == (200, "expired")


async def test_a_repeated_key_is_told_that_the_first_is_being_answered_and_then_gets_its_job(
    sync: httpx.AsyncClient, mock: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("echo", latency=constant(0.6))
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = asyncio.create_task(sync.post(ECHO, json=HI, headers=key))
    await until_in_flight(mock, 1)
    again = await sync.post(ECHO, json=HI, headers=key)
    problem = problem_of(again, 409, "request-in-progress")
    assert int(again.headers["retry-after"]) >= 1
    answer = await first
    assert problem["job"] == answer.json()["id"]
    replayed = await sync.post(ECHO, json=HI, headers=key)
    assert (replayed.status_code, replayed.json()) == (200, answer.json())
    assert replayed.headers["idempotency-replayed"] == "true"


async def test_one_more_than_it_may_hold_is_refused_and_nothing_else_is_concerned(
    sync: httpx.AsyncClient, mock: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("echo", latency=constant(0.8))
    held = [asyncio.create_task(sync.post(ECHO, json=HI)) for _ in range(2)]
    await until_in_flight(mock, 2)
    refused_for_now(await sync.post(ECHO, json=HI), "queue-full")
    accepted = await sync.post(ECHO, json=HI, headers={"Prefer": "respond-async"})
    assert accepted.status_code == 202
    await sync.delete(accepted.json()["links"]["self"])
    assert "bff_sync_jobs 2.0" in (await sync.get("/metrics")).text
    assert (await sync.post(CHECKOUT, json=CART)).json()["status"] == "succeeded"
    assert [(await each).json()["status"] for each in held] == ["succeeded"] * 2


async def test_a_cancelled_one_is_answered_at_once_and_its_call_broken_off(
    sync: httpx.AsyncClient, mock: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("echo", latency=constant(1.5))
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = asyncio.create_task(sync.post(ECHO, json=HI, headers=key))
    await until_in_flight(mock, 1)
    job_id = (await sync.post(ECHO, json=HI, headers=key)).json()["job"]
    assert (await sync.delete(f"/v1/jobs/{job_id}")).status_code == 202
    assert (await first).json()["status"] == "cancelled"
    await until_in_flight(mock, 0)


async def test_a_gateway_that_is_told_to_end_answers_what_it_holds_with_the_result(
    stack: Up, mock: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("echo", latency=constant(0.8))
    options = (f"--key-prefix={PREFIX}", f"--downstream-url={stack.mock_url}", "--drain-seconds=5")
    with gateway(stack.redis_url, *options) as leaving:
        async with client_of(leaving.url) as client:
            held = asyncio.create_task(client.post(ECHO, json=HI))
            await until_in_flight(mock, 1)
            leaving.tell_to_end()
            answer = await held
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


async def test_what_takes_longer_than_draining_is_answered_as_it_stands_and_not_tried_again(
    stack: Up, mock: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("reports", latency=constant(20))
    options = (f"--key-prefix={PREFIX}", f"--downstream-url={stack.mock_url}")
    with (
        gateway(stack.redis_url, *options) as other,
        gateway(stack.redis_url, *options, "--drain-seconds=2") as leaving,
    ):
        async with client_of(leaving.url) as client, client_of(other.url) as left:
            held = asyncio.create_task(client.post("/v1/operations/report", json={"month": "2026-01"}))
            while not (await mock.get("/_control/reports")).json()["counters"]["in_flight"]:
                await asyncio.sleep(0.02)
            asked_at = time.monotonic()
            assert await asyncio.to_thread(leaving.end) == 0
            assert time.monotonic() - asked_at < 10
            answer = await held
            assert (answer.status_code, answer.json()["status"]) == (202, "running")
            build = (await left.get(answer.headers["location"])).json()["calls"]["build"]
            assert (build["status"], build["attempts"]) == ("queued", 1)
            await left.delete(answer.headers["location"])


async def test_a_job_whose_gateway_was_killed_fails_and_is_undone_by_a_worker(
    stack: Up, mock: httpx.AsyncClient, steer: Steer
) -> None:
    """The slot of its call is given back once the call is over for certain: a timeout and a second later."""
    await steer("inventory", latency=constant(1.5))
    options = (f"--key-prefix={PREFIX}", f"--downstream-url={stack.mock_url}")
    key = {"Idempotency-Key": uuid.uuid4().hex}
    with worker(stack.redis_url, *options), gateway(stack.redis_url, *options) as other:
        killed = Gateway(stack.redis_url, *options)
        async with client_of(killed.url) as client, client_of(other.url) as left:
            lost = asyncio.create_task(client.post(CHECKOUT, json=CART, headers=key))
            await until_in_flight(mock, 1, "inventory")
            killed.process.kill()
            with pytest.raises(httpx.TransportError):
                await lost
            killed.process.wait()
            await steer("inventory", latency=constant(0))
            job_id = problem_of(await left.post(CHECKOUT, json=CART, headers=key), 409, "request-in-progress")["job"]
            job = await job_where(left, job_id, ended)
            assert (job["status"], job["calls"]["reserve"]["error"]) == ("failed", "worker-lost")
            job = await job_where(left, job_id, lambda job: "release" in job["calls"])
            job = await job_where(left, job_id, lambda job: job["calls"]["release"]["status"] == "succeeded")
        if killed.process.stdout:
            killed.process.stdout.close()
