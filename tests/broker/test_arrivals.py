"""An idle consumer's wait: for an entry, or until Redis or the process itself stands still."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest

from bff.broker import arrivals as module
from bff.broker.arrivals import Arrivals
from bff.broker.errors import BrokerUnavailable
from bff.broker.lanes import Supply, Taken
from bff.broker.pipeline import Pipeline
from tests.broker.servers import Server
from tests.broker.world import GOOD, World

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class Idle:
    """A consumer that found nothing, and what it waits with."""

    def __init__(self, world: World, url: str, last: Taken) -> None:
        self.world = world
        self.arrivals = Arrivals(world.lanes(), url)
        self.last = last

    async def waiting(self) -> "asyncio.Task[Taken]":
        """For one of up to ten entries, and Redis knows it."""
        taking = asyncio.create_task(self.arrivals.take(self.last.last_ids, 10))
        while b"blocked_clients:1" not in await self.world.redis.execute("INFO", "clients"):
            await asyncio.sleep(0)
        return taking


@pytest.fixture
async def idle(own_redis: Server, own_pipeline: Pipeline) -> AsyncIterator[Idle]:
    world = World(own_pipeline)
    await world.cell.configure()
    last = await world.lanes().take(1)
    assert last.supply is Supply.IDLE
    made = Idle(world, own_redis.url, last)
    yield made
    await made.arrivals.aclose()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_MS", 60_000)  # so that nothing else ends a wait


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_MS", 200)
    monkeypatch.setattr(module, "SLACK_SECONDS", 0.5)


@pytest.mark.usefixtures("patient")
async def test_what_comes_is_taken_without_being_asked_for_again(idle: Idle) -> None:
    taking = await idle.waiting()
    job_id = await idle.world.accepted()
    before = idle.world.redis.commands  # type: ignore[attr-defined]
    [entry] = (await taking).entries
    assert entry.job_id == job_id
    assert idle.world.redis.commands == before  # type: ignore[attr-defined]
    await idle.world.lanes().finish(entry, GOOD)
    assert await idle.world.leftovers() == {}


@pytest.mark.usefixtures("patient")
async def test_what_came_between_a_take_and_the_wait_is_not_missed(idle: Idle) -> None:
    ids = [await idle.world.accepted() for _ in range(3)]
    taken = await idle.arrivals.take(idle.last.last_ids, 2)
    assert [entry.job_id for entry in taken.entries] == ids[:2]
    assert taken.supply is not Supply.IDLE


@pytest.mark.usefixtures("hasty")
async def test_a_wait_for_nothing_ends_by_itself(idle: Idle) -> None:
    began = time.monotonic()
    taken = await idle.arrivals.take(idle.last.last_ids, 10)
    assert (taken.supply, list(taken.entries)) == (Supply.IDLE, [])
    assert time.monotonic() - began >= 0.19


@pytest.mark.usefixtures("patient")
async def test_it_is_known_when_it_was_taken_though_the_answer_was_read_late(idle: Idle) -> None:
    taking = await idle.waiting()
    await asyncio.sleep(0.3)
    submitted_at = time.monotonic()
    await idle.world.accepted()
    time.sleep(0.5)  # noqa: ASYNC251  # the process stands still
    [entry] = (await taking).entries
    assert submitted_at - 0.01 < entry.asked_at < submitted_at + 0.25


@pytest.mark.parametrize("leap_seconds", [-(10**6), 10**6])
@pytest.mark.usefixtures("patient")
async def test_a_clock_that_leaps_makes_it_neither_earlier_than_it_was_asked_for_nor_later_than_now(
    idle: Idle, leap_seconds: float
) -> None:
    await idle.world.accepted()
    await idle.arrivals.take(idle.last.last_ids, 1)
    here, there = idle.arrivals._compared or (0.0, 0.0)
    idle.arrivals._compared = here, there + leap_seconds
    idle.last = await idle.world.lanes().take(1)
    began = time.monotonic()
    taking = await idle.waiting()
    await idle.world.accepted()
    [entry] = (await taking).entries
    assert began <= entry.asked_at <= time.monotonic()


@pytest.mark.usefixtures("patient")
async def test_a_wait_can_be_interrupted(idle: Idle) -> None:
    taking = await idle.waiting()
    await idle.arrivals.interrupt()
    assert (await taking).supply is Supply.IDLE
    await idle.world.accepted()
    assert len(await idle.world.take()) == 1  # nobody else has taken it


@pytest.mark.usefixtures("patient")
async def test_a_wait_that_begins_just_then_is_interrupted_too(idle: Idle) -> None:
    for ticks in range(10):
        taking = asyncio.create_task(idle.arrivals.take(idle.last.last_ids, 10))
        for _ in range(ticks):
            await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await asyncio.sleep(0)  # it has begun
            await idle.arrivals.interrupt()
            assert (await taking).supply is Supply.IDLE


async def with_rights(idle: Idle, redis: Server, *rights: str) -> None:
    """As a user of Redis who may do all but what is named."""
    await idle.arrivals.aclose()
    await idle.world.redis.execute("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", *rights)
    idle.arrivals = Arrivals(idle.world.lanes(), f"unix://limited:secret@{redis.socket}")


@pytest.mark.usefixtures("patient")
async def test_who_is_not_told_its_connection_waits_all_the_same(idle: Idle, own_redis: Server) -> None:
    await with_rights(idle, own_redis, "-client")
    taking = await idle.waiting()
    job_id = await idle.world.accepted()
    assert [entry.job_id for entry in (await taking).entries] == [job_id]


@pytest.mark.usefixtures("hasty")
async def test_who_is_not_told_its_connection_can_be_interrupted_when_the_wait_is_over(
    idle: Idle, own_redis: Server
) -> None:
    await with_rights(idle, own_redis, "-client")
    taking = await idle.waiting()
    await idle.arrivals.interrupt()
    assert (await taking).supply is Supply.IDLE


@pytest.mark.usefixtures("hasty")
async def test_who_may_not_wait_in_redis_does_not_ask_without_end(idle: Idle, own_redis: Server) -> None:
    await with_rights(idle, own_redis, "-xread")
    began = time.monotonic()
    taken = await idle.arrivals.take(idle.last.last_ids, 10)
    assert (taken.supply, list(taken.entries)) == (Supply.IDLE, [])
    assert time.monotonic() - began >= 0.19


@pytest.mark.usefixtures("hasty")
async def test_after_a_lost_connection_a_wait_is_on_a_new_one(idle: Idle) -> None:
    taking = await idle.waiting()
    await idle.world.redis.execute("CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")
    with pytest.raises(BrokerUnavailable):
        await taking
    taking = await idle.waiting()
    await idle.arrivals.interrupt()
    assert (await taking).supply is Supply.IDLE


@pytest.mark.usefixtures("hasty")
async def test_a_process_that_stood_still_does_not_take_redis_for_away(idle: Idle) -> None:
    taking = await idle.waiting()
    time.sleep(1)  # noqa: ASYNC251  # the answer comes in, and its time is over, before the loop runs again
    assert (await taking).supply is Supply.IDLE


@pytest.mark.usefixtures("hasty")
async def test_a_redis_that_stands_still_is_away(idle: Idle, own_redis: Server) -> None:
    taking = await idle.waiting()
    own_redis.signal(signal.SIGSTOP)
    with pytest.raises(BrokerUnavailable):
        await taking
    own_redis.signal(signal.SIGCONT)
    assert (await idle.arrivals.take(idle.last.last_ids, 10)).supply is Supply.IDLE
