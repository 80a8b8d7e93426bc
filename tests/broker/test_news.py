"""What is told of a job to those who wait: its version, and at its end all that a read would say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from bff.broker.cell import Cell
from bff.broker.expiry import Expiry
from bff.broker.job import Job, JobStatus
from bff.broker.jobs import Jobs
from bff.broker.pipeline import Pipeline
from bff.broker.watch import Watch
from bff.catalog.catalog import load_catalog
from tests.broker.servers import Server
from tests.broker.world import BAD, GOOD, HOOK, World

pytestmark = pytest.mark.anyio

Told = list[bytes]


@pytest.fixture
async def world(redis: Server, pipeline: Pipeline) -> World:
    return World(pipeline)


@asynccontextmanager
async def heard(redis: Server, world: World, job_id: str) -> AsyncIterator[Told]:
    """What is published of a job from here on."""
    told: Told = []

    def hear(payload: bytes | None) -> None:
        if payload is not None:
            told.append(payload)

    channel = world.keys.changed(job_id)
    async with Watch(redis.url, world.keys).running() as watch, watch.listen(channel, hear):
        yield told


async def all_heard(told: Told, version: int) -> None:
    async with asyncio.timeout(60):
        while not told or int(told[-1].partition(b" ")[0]) < version:
            await asyncio.sleep(0.001)


async def succeed(world: World, job_id: str) -> None:
    while await world.do():
        pass


async def be_cancelled(world: World, job_id: str) -> None:
    await world.jobs.cancel(job_id, "public")


async def expire(world: World, job_id: str) -> None:
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await Expiry(world.cell, lambda ended: None).run_once()


async def succeed_in_part(world: World, job_id: str) -> None:
    await world.do()
    await expire(world, job_id)


async def fail(world: World, job_id: str) -> None:
    await world.do(BAD)


async def fail_and_be_undone(world: World, job_id: str) -> None:
    await world.do()
    await world.do(BAD)
    assert await world.do() == ["release"]


TRACEPARENT = f"00-{'1' * 32}-{'2' * 16}-01"
ENDS: dict[str, tuple[str, Callable[[World, str], Awaitable[None]], JobStatus, dict[str, Any]]] = {
    "succeeds": ("one", succeed, JobStatus.SUCCEEDED, {}),
    "succeeds in many steps": ("screen", succeed, JobStatus.SUCCEEDED, {}),
    "is to be notified": ("one", succeed, JobStatus.SUCCEEDED, {"notify": HOOK}),
    "fails": ("one", fail, JobStatus.FAILED, {}),
    "is undone": ("order", fail_and_be_undone, JobStatus.FAILED, {"traceparent": TRACEPARENT}),
    "is cancelled": ("order", be_cancelled, JobStatus.CANCELLED, {}),
    "expires": ("one", expire, JobStatus.EXPIRED, {"timeout_ms": 300}),
    "falls back": ("soft", succeed_in_part, JobStatus.SUCCEEDED, {"timeout_ms": 400}),
}


@pytest.mark.parametrize("end", ENDS)
async def test_the_end_of_a_job_is_told_with_all_that_a_read_would_say(redis: Server, world: World, end: str) -> None:
    operation, come_to_it, status, asked = ENDS[end]
    job_id = await world.accepted(operation, **asked)
    async with heard(redis, world, job_id) as told:
        await come_to_it(world, job_id)
        job = await world.job(job_id)
        await all_heard(told, job.version)
    assert job.status is status
    version, ended, news = told[-1].partition(b" ")
    assert (int(version), ended) == (job.version, b" ")
    assert as_read(world.jobs.told(job_id, news), job) == job
    assert [int(each.partition(b" ")[0]) for each in told] == sorted({int(each.partition(b" ")[0]) for each in told})


def as_read(told: Job | None, read: Job) -> Job:
    """At the moment at which the other was."""
    assert told is not None
    assert told.now_ms <= read.now_ms
    return replace(told, now_ms=read.now_ms)


async def test_what_goes_on_is_told_by_its_version_alone(redis: Server, world: World) -> None:
    job_id = await world.accepted("order")
    async with heard(redis, world, job_id) as told:
        await world.do()
        await world.do()
        await all_heard(told, (await world.job(job_id)).version)
    assert all(each.isdigit() for each in told)


@pytest.mark.parametrize(
    "data", [b'"\\u0000 \xc3\xa9 \xe2\x82\xac / \\" \\ud83d\\ude00"', b"[1.5e300, -0.0, null, {}]"]
)
async def test_data_is_told_as_it_is(redis: Server, world: World, data: bytes) -> None:
    job_id = await world.accepted()
    async with heard(redis, world, job_id) as told:
        await world.do(replace(GOOD, data=data))
        await all_heard(told, 3)
    job = world.jobs.told(job_id, told[-1].partition(b" ")[2])
    assert job is not None
    assert job.outcomes == {"only": data}


async def test_data_that_is_long_is_left_to_be_read(redis: Server, world: World) -> None:
    job_id = await world.accepted()
    async with heard(redis, world, job_id) as told:
        await world.do(replace(GOOD, data=b'"%b"' % (b"x" * 65_536)))
        await all_heard(told, 3)
    assert told[-1] == b"3 "
    assert world.jobs.told(job_id, b"") is None


async def test_of_a_plan_that_this_release_does_not_know_it_is_read(redis: Server, world: World) -> None:
    job_id = await world.accepted()
    async with heard(redis, world, job_id) as told:
        await world.do()
        await all_heard(told, 3)
    assert Jobs(Cell(world.redis, load_catalog(), world.keys)).told(job_id, told[-1].partition(b" ")[2]) is None


async def test_where_nobody_waits_it_is_told_without_what_would_cost_a_read(redis: Server, world: World) -> None:
    """But it is told: a failover leaves who has subscribed at what is a replica from then on, which is told it, too."""
    async with Redis.from_url(redis.url) as elsewhere, elsewhere.pubsub() as pubsub:
        await pubsub.psubscribe(f"{world.keys.changed('')}*")  # which is not counted either
        await anext(pubsub.listen())
        job_id = await world.accepted()
        await world.do()
        told = [await anext(pubsub.listen()) for _ in range(2)]
    assert [each["data"] for each in told] == [b"2", b"3 "]
    assert {each["channel"].decode() for each in told} == {world.keys.changed(job_id)}
