"""One view of each job for all who wait for it: what it costs, what it is told, what it leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import httpx
import pytest

from bff.broker.job import Job, JobStatus
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Cancellation
from bff.catalog.clients import PUBLIC
from gateway.push import live
from gateway.push.live import Reading
from tests.gateway.serving import Served

pytestmark = pytest.mark.anyio


class Follower:
    """Keeps what it was told."""

    def __init__(self, here: Served, job_id: str, known: Job | None = None, *, until_ended: bool = False) -> None:
        self.until_ended = until_ended
        self.heard: asyncio.Queue[Reading | Exception | None] = asyncio.Queue()
        self._live = here.gateway.live
        self._job_id = job_id
        self._live.follow(job_id, self, known)

    def told(self, reading: Reading | None) -> None:
        self.heard.put_nowait(reading)

    def failed(self, error: Exception) -> None:
        self.heard.put_nowait(error)

    def draining(self) -> None:
        pass

    def leave(self) -> None:
        self._live.leave(self._job_id, self)

    async def version(self) -> int:
        async with asyncio.timeout(60):
            reading = await self.heard.get()
        assert isinstance(reading, Reading)
        return reading.job.version


@pytest.fixture
async def job(here: Served) -> Job:
    return await here.job()


@pytest.fixture
def reads(here: Served, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the jobs that are read."""
    asked: list[str] = []
    jobs = here.gateway.broker.jobs
    read = jobs.read

    async def counted(job_id: str) -> Job | None:
        asked.append(job_id)
        return await read(job_id)

    monkeypatch.setattr(jobs, "read", counted)
    return asked


async def test_a_change_is_read_once_however_many_follow(here: Served, job: Job, reads: list[str]) -> None:
    many = [Follower(here, job.id) for _ in range(500)]
    assert {await follower.version() for follower in many} == {1}
    reads.clear()
    await here.change(job, 2)
    readings = [await follower.heard.get() for follower in many]
    assert reads == [job.id]
    assert len({id(reading) for reading in readings}) == 1
    for follower in many:
        follower.leave()


async def test_who_comes_later_is_told_what_was_read_after_it_came(here: Served, job: Job) -> None:
    first = Follower(here, job.id)
    assert await first.version() == 1
    for version in range(2, 40):
        await here.gateway.broker.pipeline.execute(
            "HSET", here.gateway.broker.cell.keys.job(job.id), "version", version
        )
        later = Follower(here, job.id)  # nobody has published it
        assert await later.version() == version
        later.leave()
    first.leave()


def reading_slowly(here: Served, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """From here on a job that was read, which the first event says, is not told of until the second is set."""
    jobs = here.gateway.broker.jobs
    read = jobs.read
    was_read, go_on = asyncio.Event(), asyncio.Event()

    async def slow(job_id: str) -> Job | None:
        found = await read(job_id)
        was_read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(jobs, "read", slow)
    return was_read, go_on


async def test_a_read_that_began_before_it_came_is_not_for_it(
    here: Served, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_read, go_on = reading_slowly(here, monkeypatch)
    first = Follower(here, job.id)
    await was_read.wait()
    await here.gateway.broker.pipeline.execute("HSET", here.gateway.broker.cell.keys.job(job.id), "version", 5)
    later = Follower(here, job.id)
    go_on.set()
    assert await later.version() == 5
    assert [await first.version() for _ in range(2)] == [1, 5]
    first.leave()
    later.leave()


async def test_nobody_is_told_of_an_older_version_than_it_was_told_before(here: Served, job: Job) -> None:
    follower = Follower(here, job.id)
    versions = [await follower.version()]
    for version in range(2, 100):
        await here.change(job, version)
        Follower(here, job.id).leave()
    while versions[-1] < 99:
        versions.append(await follower.version())
    assert versions == sorted(set(versions))
    follower.leave()


async def test_what_pubsub_lost_is_found_by_comparing_versions(
    here: Served, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FLOOR_SECONDS", 0.1)
    others = [await here.job() for _ in range(50)]
    followers = [Follower(here, each.id) for each in (job, *others)]
    assert {await follower.version() for follower in followers} == {1}
    await here.gateway.broker.pipeline.execute("HSET", here.gateway.broker.cell.keys.job(job.id), "version", 7)
    assert await followers[0].version() == 7
    for follower in followers:
        assert follower.heard.empty()
        follower.leave()


async def test_a_subscription_that_was_lost_is_found_again(here: Served, job: Job) -> None:
    follower = Follower(here, job.id)
    assert await follower.version() == 1
    for version in range(2, 6):
        await here.gateway.broker.pipeline.execute("CLIENT", "KILL", "TYPE", "pubsub")
        await here.change(job, version)
        assert await follower.version() == version
    follower.leave()


async def test_a_job_that_is_gone_is_told_once(here: Served, job: Job) -> None:
    follower = Follower(here, job.id)
    assert await follower.version() == 1
    keys = here.gateway.broker.cell.keys
    await here.gateway.broker.pipeline.execute("DEL", keys.job(job.id))
    await here.gateway.broker.pipeline.execute("PUBLISH", keys.changed(job.id), "2")
    assert await follower.heard.get() is None
    follower.leave()


async def test_a_job_that_cannot_be_shown_stops_no_other(
    here: Served, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    keys = here.gateway.broker.cell.keys
    await here.gateway.broker.pipeline.execute("HSET", keys.job(job.id), "status", "no such word")
    broken, well = Follower(here, job.id), Follower(here, (await here.job()).id)
    assert isinstance(await broken.heard.get(), ValueError)
    assert await well.version() == 1
    assert "cannot be shown" in caplog.text
    broken.leave()
    well.leave()


async def test_ten_thousand_jobs_can_be_followed_and_left_at_once(here: Served) -> None:
    ids = [f"01900000-0000-7000-8000-{number:012x}" for number in range(10_000)]
    followers = [Follower(here, job_id) for job_id in ids]
    for follower in followers:
        assert await follower.heard.get() is None
    assert here.gateway.live.jobs == here.gateway.broker.watch.channels == len(ids)
    for follower in followers:
        follower.leave()


async def ended(follower: Follower) -> Job:
    async with asyncio.timeout(60):
        reading = await follower.heard.get()
    assert isinstance(reading, Reading)
    assert reading.job.status is JobStatus.CANCELLED
    assert follower.heard.empty()
    return reading.job


async def test_an_end_is_told_without_a_read(here: Served, job: Job, reads: list[str]) -> None:
    followers = [Follower(here, job.id) for _ in range(10)]
    assert {await follower.version() for follower in followers} == {1}
    reads.clear()
    await here.cancel(job)
    told = [await ended(follower) for follower in followers]
    assert reads == []
    read = await here.gateway.broker.jobs.read(job.id)
    assert read is not None
    assert all(replace(each, now_ms=read.now_ms) == read for each in told)
    for follower in followers:
        follower.leave()


async def test_an_end_that_comes_while_it_is_read_is_told_last_and_once(
    here: Served, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(here, job.id)
    assert await follower.version() == 1
    was_read, go_on = reading_slowly(here, monkeypatch)
    await here.change(job, 2)
    await was_read.wait()
    heard = asyncio.Event()
    monkeypatch.setattr(here.gateway.live, "over", _then(here.gateway.live.over, heard))
    await here.cancel(job)
    await heard.wait()
    assert follower.heard.empty()
    go_on.set()
    assert await follower.version() == 2
    assert (await ended(follower)).version == 3
    follower.leave()


def _then(method: Any, event: asyncio.Event) -> Any:
    def called(*given: Any) -> None:
        method(*given)
        event.set()

    return called


async def test_news_of_an_end_that_are_older_than_what_was_read_are_no_news(here: Served, job: Job) -> None:
    follower = Follower(here, job.id)
    assert await follower.version() == 1
    keys, redis = here.gateway.broker.cell.keys, here.gateway.broker.pipeline
    await here.change(job, 5)
    assert await follower.version() == 5
    await redis.execute("PUBLISH", keys.changed(job.id), b'4 {"now": 1, "fields": {}, "outcomes": {}}')
    await here.change(job, 6)
    assert await follower.version() == 6
    follower.leave()


async def test_news_that_do_not_say_how_it_ended_have_it_read(here: Served, job: Job) -> None:
    follower = Follower(here, job.id)
    assert await follower.version() == 1
    keys, redis = here.gateway.broker.cell.keys, here.gateway.broker.pipeline
    await redis.execute("HSET", keys.job(job.id), "version", 2)
    await redis.execute("PUBLISH", keys.changed(job.id), b"2 ")
    assert await follower.version() == 2
    follower.leave()


async def test_who_wants_the_end_alone_is_told_of_nothing_before_it(here: Served, job: Job, reads: list[str]) -> None:
    follower = Follower(here, job.id, until_ended=True)
    assert await follower.version() == 1
    reads.clear()
    await here.change(job, 2)
    await here.cancel(job)
    assert (await ended(follower)).version == 3
    assert reads == []
    follower.leave()


async def test_beside_one_who_wants_all_changes_it_is_told_too(here: Served, job: Job) -> None:
    one, other = Follower(here, job.id, until_ended=True), Follower(here, job.id)
    assert (await one.version(), await other.version()) == (1, 1)
    await here.change(job, 2)
    assert (await one.version(), await other.version()) == (2, 2)
    one.leave()
    other.leave()


@asynccontextmanager
async def expected(here: Served) -> AsyncIterator[Job]:
    """A job that was submitted when what is told of it was heard already."""
    job_id = new_job_id()
    with here.gateway.live.expecting(job_id):
        async with asyncio.timeout(60):
            channel = here.gateway.broker.cell.keys.changed(job_id)
            while dict([await here.gateway.broker.pipeline.execute("PUBSUB", "NUMSUB", channel)]) != {
                channel.encode(): 1
            }:
                await asyncio.sleep(0.001)
        yield await here.job(job_id)


async def test_a_job_that_was_expected_is_not_read(here: Served, reads: list[str]) -> None:
    async with expected(here) as job:
        follower = Follower(here, job.id, job, until_ended=True)
        await here.cancel(job)
        assert (await ended(follower)).version == 2
        assert reads == []
        follower.leave()
    await here.until_nothing_is_left()


async def test_an_expected_job_that_has_ended_before_it_is_followed_is_read(here: Served, reads: list[str]) -> None:
    async with expected(here) as job:
        first = Follower(here, job.id, job, until_ended=True)
        await here.cancel(job)
        await ended(first)
        later = Follower(here, job.id, job, until_ended=True)
        assert (await ended(later)).version == 2
        assert reads == [job.id]
        first.leave()
        later.leave()


async def test_who_comes_knowing_more_than_others_were_told_keeps_nothing_from_them(here: Served) -> None:
    """A submission that is repeated reads its job, and may know of a change before it is heard."""
    async with expected(here) as job:
        first = Follower(here, job.id)
        assert await first.version() == 1
        later = Follower(here, job.id, replace(job, version=2), until_ended=True)
        await here.change(job, 2)
        assert await first.version() == 2
        first.leave()
        later.leave()


async def test_a_job_that_was_expected_in_vain_is_read(here: Served) -> None:
    """While nothing is heard, it may have ended."""
    gateway = here.gateway
    await _until(lambda: here.gateway.broker.watch.connected)
    await gateway.broker.pipeline.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await _until(lambda: not here.gateway.broker.watch.connected)
    job_id = new_job_id()
    with gateway.live.expecting(job_id):
        job = await here.job(job_id)
        await here.cancel(job)
        follower = Follower(here, job.id, job, until_ended=True)
        assert (await ended(follower)).version == 2
        follower.leave()


async def test_most_submissions_that_are_held_to_their_end_read_nothing(here: Served, reads: list[str]) -> None:
    jobs, watch = here.gateway.broker.jobs, here.gateway.broker.watch
    await _until(lambda: watch.connected)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}", trust_env=False) as client:
        for _ in range(20):
            asking = client.post("/v1/operations/echo", json={"text": "hi"}, headers={"Prefer": "wait=30"})
            answering = asyncio.create_task(asking)
            await _until(lambda: len(here.gateway.waiters) > 0)
            [job_id] = here.gateway.live._views
            assert await jobs.cancel(job_id, PUBLIC) == (Cancellation.CANCELLED, [ANY])
            assert (await answering).json()["status"] == "cancelled"
    assert len(reads) <= 10  # those whose subscription was confirmed after they were accepted: on a busy machine, some


async def test_while_requests_are_refused_none_subscribes_ahead(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is to cost as little as it can."""
    ahead: list[str] = []
    broker, expecting = here.gateway.broker, here.gateway.live.expecting

    def counted(job_id: str) -> AbstractContextManager[None]:
        ahead.append(job_id)
        return expecting(job_id)

    monkeypatch.setattr(here.gateway.live, "expecting", counted)
    await broker.pipeline.execute("HSET", broker.cell.keys.service("echo"), "breaker.forced", "open")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}", trust_env=False) as client:
        for _ in range(5):
            answer = await client.post("/v1/operations/echo", json={"text": "hi"}, headers={"Prefer": "wait=30"})
            assert answer.status_code == 503
        assert len(ahead) == 1
        monkeypatch.setattr("gateway.gateway.REJECTS_SECONDS", 0.0)
        await client.post("/v1/operations/echo", json={"text": "hi"}, headers={"Prefer": "wait=30"})
        assert len(ahead) == 2


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)
