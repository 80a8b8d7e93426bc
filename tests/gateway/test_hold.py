import asyncio
import time

import pytest
from fastapi import FastAPI

from bff.broker.job import Job, JobStatus
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Submission
from bff.catalog.clients import PUBLIC, Client
from bff.catalog.model import Priority
from gateway.gateway import Gateway
from gateway.push import live
from gateway.push.hold import held
from gateway.push.waiters import Channel, Waiters
from tests.gateway.requests import Arriving, request

pytestmark = pytest.mark.anyio

LONG = 50.0
ASKS = Client(name=PUBLIC)


@pytest.fixture
async def job(gateway: Gateway) -> Job:
    parameters = b'{"text":"hi"}'
    submission = Submission(
        id=new_job_id(),
        operation="echo",
        client=PUBLIC,
        priority=Priority.NORMAL,
        timeout_ms=60_000,
        parameters=parameters,
    )
    accepted = await gateway.broker.jobs.submit(submission)
    assert isinstance(accepted, Accepted)
    return accepted.job


def ended(job: Job) -> bool:
    return job.status.terminal


@pytest.fixture
def client() -> Arriving:
    arriving = Arriving()
    arriving.messages.clear()  # its body has been read
    return arriving


class Hold:
    """One request that is held, and known to be."""

    def __init__(self, app: FastAPI, gateway: Gateway, client: Arriving, job_id: str) -> None:
        self.gateway = gateway
        self.reads = 0

        def enough(job: Job) -> bool:
            self.reads += 1
            return ended(job)

        self.task = asyncio.create_task(held(gateway, request(client, app), ASKS, job_id, LONG, enough))

    async def until_it_waits(self) -> None:
        while not self.reads:
            await asyncio.sleep(0)


@pytest.fixture
async def holding(app: FastAPI, gateway: Gateway, client: Arriving, job: Job) -> Hold:
    hold = Hold(app, gateway, client, job.id)
    await hold.until_it_waits()
    return hold


async def assert_nothing_is_left(gateway: Gateway) -> None:
    assert len(gateway.waiters) == 0
    assert gateway.live.jobs == 0
    assert gateway.broker.watch.channels == 0


async def test_an_answer_is_held_until_the_job_is_as_asked(holding: Hold, gateway: Gateway, job: Job) -> None:
    await gateway.broker.jobs.cancel(job.id, PUBLIC)
    found = await holding.task
    assert found is not None
    assert found.status is JobStatus.CANCELLED
    await assert_nothing_is_left(gateway)


async def test_draining_lets_go_of_it_with_the_present_state(holding: Hold, gateway: Gateway) -> None:
    gateway.drain()
    found = await holding.task
    assert found is not None
    assert found.status is JobStatus.QUEUED
    await assert_nothing_is_left(gateway)


async def test_a_client_that_hangs_up_is_no_longer_waited_for(
    holding: Hold, gateway: Gateway, client: Arriving
) -> None:
    client.hung_up.set()
    await holding.task
    await assert_nothing_is_left(gateway)


async def test_a_request_that_is_cancelled_leaves_nothing(holding: Hold, gateway: Gateway) -> None:
    holding.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding.task
    await assert_nothing_is_left(gateway)


async def test_a_change_that_nobody_was_told_of_is_seen_all_the_same(
    app: FastAPI, gateway: Gateway, client: Arriving, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FLOOR_SECONDS", 0.02)
    holding = Hold(app, gateway, client, job.id)
    await holding.until_it_waits()
    await gateway.broker.pipeline.execute(
        "HSET", gateway.broker.cell.keys.job(job.id), "status", "cancelled", "version", 2
    )
    found = await holding.task
    assert found is not None
    assert found.status is JobStatus.CANCELLED


async def test_a_job_that_has_vanished_is_not_waited_for(holding: Hold, gateway: Gateway, job: Job) -> None:
    await gateway.broker.pipeline.execute("DEL", gateway.broker.cell.keys.job(job.id))
    await gateway.broker.pipeline.execute("PUBLISH", gateway.broker.cell.keys.changed(job.id), "2")
    assert await holding.task is None
    await assert_nothing_is_left(gateway)


async def test_one_more_than_can_be_held_is_answered_at_once(
    app: FastAPI, gateway: Gateway, client: Arriving, job: Job
) -> None:
    began = time.monotonic()
    gateway.waiters = Waiters(1)
    with gateway.waiters.one_more(Channel.SSE):
        found = await held(gateway, request(client, app), ASKS, job.id, LONG, ended)
    assert found is not None
    assert found.status is JobStatus.QUEUED
    assert time.monotonic() - began < LONG
    await assert_nothing_is_left(gateway)


async def test_one_more_of_a_client_than_its_bound_is_answered_at_once(
    app: FastAPI, gateway: Gateway, client: Arriving, job: Job
) -> None:
    asks = Client(name=PUBLIC, max_waiters=1)
    with gateway.waiters.one_more_of(asks):
        found = await held(gateway, request(client, app), asks, job.id, LONG, ended)
    assert found is not None
    await assert_nothing_is_left(gateway)


async def test_what_is_anothers_is_not_waited_for(app: FastAPI, gateway: Gateway, client: Arriving, job: Job) -> None:
    found = await held(gateway, request(client, app), Client(name="other"), job.id, LONG, ended)
    assert found is not None
    await assert_nothing_is_left(gateway)


async def test_when_the_time_is_over_it_is_read_once_more(
    app: FastAPI, gateway: Gateway, client: Arriving, job: Job
) -> None:
    seen: list[int] = []

    def enough(job: Job) -> bool:
        seen.append(job.now_ms)
        return False

    found = await held(gateway, request(client, app), ASKS, job.id, 0.05, enough)
    assert found is not None
    assert found.now_ms > seen[0]
    await assert_nothing_is_left(gateway)


async def test_many_wait_on_one_channel(app: FastAPI, gateway: Gateway, job: Job) -> None:
    holding = [Hold(app, gateway, Arriving(), job.id) for _ in range(100)]
    for each in holding:
        await each.until_it_waits()
    assert gateway.broker.watch.channels == 1
    await gateway.broker.jobs.cancel(job.id, PUBLIC)
    found = await asyncio.gather(*(each.task for each in holding))
    assert {each.status for each in found if each} == {JobStatus.CANCELLED}
    await assert_nothing_is_left(gateway)
