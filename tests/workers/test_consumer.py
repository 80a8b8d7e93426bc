import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bff.broker.background import background
from bff.broker.job import CallStatus, JobStatus
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script
from bff.downstream.outcome import Outcome, Reason
from bff.logs import TextLines
from tests.workers.world import SUCCESS, Scripted, World
from workers.consumer import Consumer

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[None]:
    async with background(consumer=consumer.run()):
        yield
        consumer.stop()
        await consumer.drained(0)


class OneByOne(Scripted):
    """Each call waits for its turn."""

    def __init__(self) -> None:
        super().__init__(SUCCESS)
        self.turns, self.done = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.begun = 0

    async def next_ends(self) -> None:
        self.turns.release()
        await self.done.acquire()

    async def perform(self, *given: Any, **options: Any) -> Outcome:
        self.begun += 1
        await self.turns.acquire()
        self.done.release()
        return await super().perform(*given, **options)


async def test_no_more_is_taken_than_the_service_has_slots(world: World) -> None:
    downstream = Scripted()
    job_ids = [await world.submit() for _ in range(5)]
    async with running(world.consumer(downstream)):
        await world.until(lambda: downstream.in_flight == 2)
        assert world.pending() == 2
        downstream.outcomes.append(SUCCESS)
        downstream.may_answer.set()
        jobs = [await world.ended(job_id) for job_id in job_ids]
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert downstream.most_in_flight == 2


async def test_calls_that_end_one_by_one_do_not_cost_a_take_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.consumer.GATHER_SECONDS", 60.0)  # so that the number of free slots alone decides
    downstream = OneByOne()
    await world.submit()
    await world.performed(Scripted(SUCCESS))  # from here on Redis has the scripts
    for _ in range(60):
        await world.submit("wide")
    async with running(world.consumer(downstream, "wide")):
        await world.until(lambda: downstream.begun == 40)
        before = world.pipeline.commands
        for _ in range(10):
            await downstream.next_ends()
        await world.until(lambda: downstream.begun == 50)
        assert world.pipeline.commands - before == 10 + 1  # an end each, and one take


async def test_an_idle_consumer_is_woken_by_new_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bff.broker.arrivals.BLOCK_MS", 60_000)  # so that nothing else wakes it
    async with running(world.consumer(Scripted(SUCCESS))):
        await world.until(lambda: world.redis.info("clients")["blocked_clients"])
        job = await world.ended(await world.submit())
    assert job.status is JobStatus.SUCCEEDED


async def test_calls_are_started_no_faster_than_the_service_allows(world: World) -> None:
    job_ids = [await world.submit("paced") for _ in range(20)]
    downstream = Scripted(SUCCESS)
    began = time.monotonic()
    async with running(world.consumer(downstream, "paced")):
        for job_id in job_ids:
            await world.ended(job_id)
    burst = 3  # calls: 50 ms of a service that takes one every 20 ms
    assert time.monotonic() - began >= (20 - burst) / 50


async def test_a_limited_consumer_waits_rather_than_to_ask_again_and_again(world: World) -> None:
    for _ in range(10):
        await world.submit("paced")
    consumer = world.consumer(Scripted(SUCCESS), "paced")
    before = world.pipeline.commands
    async with running(consumer):
        await world.until(lambda: not world.redis.zcard(world.cell.keys.deadlines()))
    takes = world.pipeline.commands - before - 10  # each job is finished once
    assert takes <= 3 * 10


async def test_a_paused_service_is_asked_for_again_when_its_rest_is_over(world: World) -> None:
    job_id = await world.submit()
    rest(world, "main", 300)
    before = world.pipeline.commands
    async with running(world.consumer(Scripted(SUCCESS))):
        await world.until(lambda: not world.redis.zcard(world.cell.keys.deadlines()))
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert world.pipeline.commands - before <= 8


def rest(world: World, service: str, milliseconds: int) -> None:
    seconds, micros = world.redis.time()
    world.redis.hset(world.cell.keys.service(service), "paused_until", seconds * 1000 + micros // 1000 + milliseconds)


class Counted:
    """A connection that counts runs of scripts by name."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.execute = pipeline.execute
        self.runs = Counter[str]()
        self._pipeline = pipeline

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        self.runs[script.name] += 1
        return await self._pipeline.run(script, keys, arguments)


async def test_slots_that_become_free_bring_no_takes_while_a_service_rests(world: World) -> None:
    """Each would bring nothing: what limits is not slots."""
    for _ in range(30):
        await world.submit("wide")
    downstream, counted = OneByOne(), Counted(world.pipeline)
    consumer = replace(world, cell=replace(world.cell, redis=counted)).consumer(downstream, "wide")
    async with running(consumer):
        await world.until(lambda: downstream.begun == 30)
        began = time.monotonic()
        rest(world, "wide", 10_000)
        before = counted.runs["take"]
        await world.submit("wide")
        rest(world, "wide", 600_000)  # with which it would not have been accepted
        await world.until(lambda: counted.runs["take"] > before)
        before = counted.runs["take"]
        for left in reversed(range(30)):
            await downstream.next_ends()
            await world.until(lambda left=left: consumer.held.leased <= left)  # type: ignore[misc]
        assert counted.runs["take"] - before <= 1 + time.monotonic() - began  # one a second, lest it is lifted by hand
        assert downstream.begun == 30


async def test_what_runs_when_it_is_stopped_comes_to_its_end(world: World) -> None:
    job_id = await world.submit()
    downstream = Scripted()
    consumer = world.consumer(downstream)
    async with background(consumer=consumer.run()):
        await downstream.called.wait()
        await world.until(lambda: world.redis.info("clients")["blocked_clients"])
        consumer.stop()
        draining = asyncio.create_task(consumer.drained(30))
        await world.until(lambda: not world.redis.info("clients")["blocked_clients"])
        later = await world.submit()
        downstream.outcomes.append(SUCCESS)
        downstream.may_answer.set()
        await draining
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert (await world.job(later)).status is JobStatus.QUEUED


async def test_what_does_not_end_in_time_is_handed_back(world: World) -> None:
    job_id = await world.submit()
    downstream = Scripted()
    consumer = world.consumer(downstream)
    async with background(consumer=consumer.run()):
        await downstream.called.wait()
        consumer.stop()
        await consumer.drained(0)
    assert (world.pending(), world.parked()) == (0, 1)
    call = (await world.job(job_id)).calls[0]
    assert (call.status, call.error) == (CallStatus.QUEUED, Reason.ABORTED)


class Held:
    """A connection that keeps back the reply to `take` until it is released."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.execute = pipeline.execute
        self.held, self.released = asyncio.Event(), asyncio.Event()
        self._pipeline = pipeline

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        reply = await self._pipeline.run(script, keys, arguments)
        if script.name == "take":
            self.held.set()
            await self.released.wait()
        return reply


async def test_what_a_last_take_brings_is_performed_too(world: World) -> None:
    job_id = await world.submit()
    held = Held(world.pipeline)
    consumer = replace(world, cell=replace(world.cell, redis=held)).consumer(Scripted(SUCCESS))
    async with background(consumer=consumer.run()):
        await held.held.wait()
        consumer.stop()
        draining = asyncio.create_task(consumer.drained(30))
        held.released.set()
        await draining
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED


async def test_an_idle_consumer_stops_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bff.broker.arrivals.BLOCK_MS", 60_000)  # so that nothing else wakes it
    consumer = world.consumer(Scripted(SUCCESS))
    consuming = asyncio.create_task(consumer.run())
    await world.until(lambda: world.redis.info("clients")["blocked_clients"])
    consumer.stop()
    await consumer.drained(0)
    await consuming


async def test_one_entry_that_goes_wrong_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A performer must not raise; where it does, the entry is left to be reclaimed, and said so."""
    broken, good = await world.submit(), await world.submit()
    world.redis.append(world.cell.keys.parameters(broken), "}")
    caplog.handler.setFormatter(TextLines())
    with caplog.at_level(logging.ERROR):
        async with running(world.consumer(Scripted(SUCCESS))):
            assert (await world.ended(good)).status is JobStatus.SUCCEEDED
            assert (await world.ended(broken)).status is JobStatus.FAILED
    assert broken in caplog.text
