"""What dead workers leave behind: their entries, their names. And what no worker was there to take."""

import asyncio
from typing import Any

import pytest

from bff.broker.expiry import Expiry
from bff.broker.job import Ended, JobStatus, pairs
from bff.broker.lanes import Noted
from bff.catalog.model import Priority
from tests.broker.world import GOOD, SERVICES, World, a_catalog

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(world: World) -> World:
    """Here every call is over for certain after 50 ms, and reclaimed a second later."""
    catalog = a_catalog(SERVICES.replace("timeout_seconds = 1\n", "timeout_seconds = 0.05\n"))
    return World(world.redis, catalog)


async def reclaim(world: World, service: str = "fast") -> int:
    while not (count := (await world.lanes(service).reclaim())[0]):
        await asyncio.sleep(0.02)
    return count


async def group(world: World, priority: Priority = Priority.NORMAL) -> dict[str, Any]:
    [flat] = await world.redis.execute("XINFO", "GROUPS", world.keys.lane("fast", priority))
    return pairs(flat)


async def names(world: World) -> set[str]:
    flat = await world.redis.execute("XINFO", "CONSUMERS", world.keys.lane("fast", Priority.NORMAL), "workers")
    return {pairs(consumer)["name"].decode() for consumer in flat}


async def unread(world: World) -> int:
    lane = world.keys.lane("fast", Priority.NORMAL)
    held = (await world.redis.execute("XPENDING", lane, "workers"))[0]
    return int(await world.redis.execute("XLEN", lane)) - int(held)


async def test_what_is_still_within_its_time_is_not_reclaimed(world: World) -> None:
    await world.accepted()
    [entry] = await world.take()
    assert (await world.lanes().reclaim())[0] == 0
    assert (await world.lanes().finish(entry, GOOD))[0] is Noted.DONE


async def test_a_compensation_of_a_dead_worker_is_queued_again(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    await world.jobs.cancel(job_id, "public")
    [lost] = await world.take()
    assert await reclaim(world) == 1
    [again] = await world.take()
    assert (lost.call, again.call, again.attempt) == ("release", "release", 2)
    await world.lanes().finish(again, GOOD)
    assert await world.leftovers() == {}


async def test_a_job_that_ended_while_its_worker_was_dead_is_undone_since_nobody_knows(world: World) -> None:
    job_id = await world.accepted("order")
    await world.take()
    await world.jobs.cancel(job_id, "public")
    assert await world.take() == []
    await reclaim(world)
    assert await world.do() == ["release"]
    assert (await world.job(job_id)).status is JobStatus.CANCELLED
    assert await world.leftovers() == {}


async def test_an_entry_whose_job_is_gone_gives_back_its_slot(world: World) -> None:
    job_id = await world.accepted()
    await world.take()
    await world.redis.execute("DEL", world.keys.job(job_id), world.keys.parameters(job_id), world.keys.client("public"))
    await world.redis.execute("DEL", world.keys.timeline(job_id))
    assert await reclaim(world) == 1
    await world.redis.execute("ZREM", world.keys.deadlines(), job_id)
    assert await world.leftovers() == {}


async def test_a_call_that_is_reclaimed_too_late_to_run_again_is_expired(world: World) -> None:
    job_id = await world.accepted("order", timeout_ms=1_150)
    await world.take()
    told: list[Ended] = []
    await reclaim(world)
    while not told:
        told += (await world.lanes().take(1)).ended
        await Expiry(world.cell, told.extend).run_once()
    assert [(ended.job_id, ended.status) for ended in told] == [(job_id, JobStatus.EXPIRED)]
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_doomed_heads_are_let_go_of_and_what_is_live_behind_them_stays(world: World) -> None:
    doomed = [await world.accepted("order", timeout_ms=300) for _ in range(3)]
    live = await world.accepted("order")
    starts_by = (await world.job(doomed[-1])).deadline_ms - 30 - 100
    await world.until_ms(starts_by)
    told = await world.lanes("fast", "sweep").sweep()
    assert {ended.job_id for ended in told} == set(doomed)
    assert {ended.status for ended in told} == {JobStatus.EXPIRED}
    assert [entry.job_id for entry in await world.take()] == [live]


async def test_a_cancelled_head_is_swept_with_no_worker_there(world: World) -> None:
    await world.jobs.cancel(await world.accepted(), "public")
    assert await unread(world) == 1
    assert await world.lanes().sweep() == []
    assert await world.leftovers() == {}


async def test_a_cancelled_entry_behind_a_live_one_is_left_to_whoever_takes_it(world: World) -> None:
    await world.accepted()
    await world.jobs.cancel(await world.accepted(), "public")
    assert await world.lanes().sweep() == []
    assert await unread(world) == 2
    assert await world.do() == ["only"]
    assert await world.leftovers() == {}


async def test_a_sweep_lets_go_of_no_more_than_its_limit(world: World) -> None:
    for _ in range(5):
        await world.jobs.cancel(await world.accepted(), "public")
    await world.lanes().sweep(2)
    assert await unread(world) == 3


async def test_a_compensation_is_never_too_late(world: World) -> None:
    job_id = await world.accepted("order", timeout_ms=300)
    await world.do()
    await world.jobs.cancel(job_id, "public")
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await world.lanes().sweep()
    await world.lanes().sweep()
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_nothing_unread_is_ever_deleted_so_that_the_lag_stays_known(world: World) -> None:
    """An autoscaler reads an unknown lag as idle. Redis 6.2 tells none."""
    await world.accepted("order", timeout_ms=300)
    cancelled = await world.accepted()
    parked, kept = await world.accepted(), await world.accepted()
    await world.jobs.cancel(cancelled, "public")
    lags = [(await group(world)).get("lag", 4)]
    await world.until_ms((await world.job(kept)).submitted_ms + 300)
    await Expiry(world.cell, lambda ended: None).run_once()
    lags.append((await group(world)).get("lag", 2))
    [entry] = await world.take(wanted=1)
    assert entry.job_id == parked
    await world.lanes().retry(entry, delay_ms=0, effect=False, error="", http_status=None)
    lags.append((await group(world)).get("lag", 1))
    await world.do()
    await world.cell.run("requeue", [world.keys.parked()], [10])
    lags.append((await group(world)).get("lag", 0))
    assert lags == [4, 2, 1, 0], "what is tried again waits in a lane of its own"


async def test_only_workers_that_hold_nothing_and_are_gone_for_long_are_forgotten(world: World) -> None:
    for name in ("busy", "idle"):
        await world.accepted()
        [entry] = (await world.lanes("fast", name).take(1)).entries
        if name == "idle":
            await world.lanes().finish(entry, GOOD)
    assert await world.lanes().forget_consumers(3600) == 0
    await world.until_ms(await world.now_ms() + 5)
    assert await world.lanes().forget_consumers(0) == 1
    assert await names(world) == {"busy"}
    assert (await group(world))["pending"] == 1


async def test_a_worker_that_was_forgotten_can_come_back(world: World) -> None:
    await world.accepted()
    await world.do()
    await world.until_ms(await world.now_ms() + 5)
    await world.lanes().forget_consumers(0)
    await world.accepted()
    assert await world.do() == ["only"]
    assert await world.leftovers() == {}


async def test_a_lag_that_a_failover_has_left_wrong_is_set_right_once_a_lane_is_empty(world: World) -> None:
    await world.accepted()
    await world.do()
    lane = world.keys.lane("fast", Priority.NORMAL)
    if "lag" in await group(world):  # from Redis 7 on
        await world.redis.execute("XGROUP", "SETID", lane, "workers", "$", "ENTRIESREAD", 0)
        assert (await group(world))["lag"] == 1
    await world.lanes().forget_consumers(0)
    assert (await group(world)).get("lag", 0) == 0
    await world.accepted()
    assert (await group(world)).get("lag", 1) == 1
    assert await world.do() == ["only"]
    assert await world.leftovers() == {}
