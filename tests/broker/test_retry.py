"""Another attempt: parked until it is due, with its waiting place kept, unless nobody has a use for it any more."""

import asyncio
from typing import Any

import pytest

from bff.broker.expiry import Expiry
from bff.broker.job import JobStatus
from bff.broker.lanes import Entry, Noted
from bff.broker.requeue import Requeue
from tests.broker.world import BAD, GOOD, World

pytestmark = pytest.mark.anyio


async def park(world: World, entry: Entry, **more: Any) -> Noted:
    defaults = {"delay_ms": 0, "effect": False, "error": "http-status", "http_status": 503}
    return await world.lanes().retry(entry, **{**defaults, **more})


async def paused_ms(world: World) -> int:
    until = await world.redis.execute("HGET", world.keys.service("fast"), "paused_until")
    return int(until or 0) - await world.now_ms()


async def test_a_place_is_booked_while_a_call_is_parked_or_queued_and_at_no_other_time(world: World) -> None:
    await world.accepted()
    booked = [await world.booked()]
    for _ in range(3):
        [entry] = await world.take()
        booked.append(await world.booked())
        assert await park(world, entry) is Noted.PARKED
        booked.append(await world.booked())
        await Requeue(world.cell).run_once()
        booked.append(await world.booked())
    await world.do()
    assert [*booked, await world.booked()] == [1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]
    assert await world.leftovers() == {}


async def test_a_parked_call_is_queued_and_says_why(world: World) -> None:
    job_id = await world.accepted()
    [entry] = await world.take()
    await park(world, entry)
    [call] = (await world.job(job_id)).calls
    assert (call.status, call.attempts, call.error, call.http_status) == ("queued", 1, "http-status", 503)


async def test_only_what_is_due_goes_back_into_its_lane(world: World) -> None:
    later_id, now_id = await world.accepted(), await world.accepted()
    later, now = await world.take()
    await park(world, later, delay_ms=8_000)
    await park(world, now)
    await Requeue(world.cell).run_once()
    assert [entry.job_id for entry in await world.take()] == [now_id]
    assert await world.redis.execute("ZRANGE", world.keys.parked(), 0, -1) == [f"{later_id}:only".encode()]


async def test_more_than_a_batch_that_is_due_goes_back_in_one_run(world: World) -> None:
    for _ in range(250):
        await world.accepted(timeout_ms=600_000)
    entries = [entry for _ in range(3) for entry in await world.take()]
    assert len(entries) == 100  # the slots
    await asyncio.gather(*(park(world, entry, budgeted=False) for entry in entries))
    rest = await world.take()
    await asyncio.gather(*(park(world, entry, budgeted=False) for entry in rest))
    await Requeue(world.cell).run_once()
    assert await world.redis.execute("ZCARD", world.keys.parked()) == 0
    assert await world.booked() == 250


async def test_what_was_no_attempt_uses_none_up(world: World) -> None:
    await world.accepted()
    for _ in range(3):
        [entry] = await world.take()
        assert entry.attempt == 1
        parked = world.lanes().retry(entry, delay_ms=0, effect=False, error="", http_status=None, attempted=False)
        assert await parked is Noted.PARKED
        await Requeue(world.cell).run_once()


async def test_a_parked_call_of_a_cancelled_job_never_comes_back(world: World) -> None:
    job_id = await world.accepted()
    [entry] = await world.take()
    await park(world, entry, delay_ms=20)
    due_ms = await world.now_ms() + 20
    await world.jobs.cancel(job_id, "public")
    assert await world.booked() == 0
    await world.until_ms(due_ms)
    await Requeue(world.cell).run_once()
    assert await world.take() == []
    assert await world.leftovers() == {}


async def test_a_parked_call_whose_deadline_passes_is_expired_and_undone_if_it_may_have_had_an_effect(
    world: World,
) -> None:
    job_id = await world.accepted("order", timeout_ms=2_000)
    [entry] = await world.take()
    assert await park(world, entry, delay_ms=20, effect=True) is Noted.PARKED
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await Expiry(world.cell, lambda ended: None).run_once()
    await Requeue(world.cell).run_once()
    assert (await world.job(job_id)).status is JobStatus.EXPIRED
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_a_retry_for_a_job_that_has_ended_is_late_and_undone_if_it_may_have_had_an_effect(world: World) -> None:
    job_id = await world.accepted("order")
    [entry] = await world.take()
    await world.jobs.cancel(job_id, "public")
    assert await park(world, entry, effect=True) is Noted.LATE
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_a_retry_that_is_told_twice_parks_once(world: World) -> None:
    await world.accepted()
    [entry] = await world.take()
    assert [await park(world, entry), await park(world, entry)] == [Noted.PARKED, Noted.STALE]
    await Requeue(world.cell).run_once()
    assert await world.do() == ["only"]
    assert await world.leftovers() == {}


async def test_a_service_rests_for_as_long_as_it_asked_last_and_longest(world: World) -> None:
    for _ in range(2):
        await world.accepted()
    first, second = await world.take()
    await park(world, first, pause_ms=9_000)
    await park(world, second, pause_ms=10)
    assert 5_000 < await paused_ms(world) <= 9_000


async def test_a_retry_that_comes_too_late_makes_the_service_rest_all_the_same(world: World) -> None:
    await world.accepted(timeout_ms=5_000)
    [entry] = await world.take()
    assert await park(world, entry, delay_ms=6_000, pause_ms=6_000) is Noted.TOO_LATE
    assert 3_000 < await paused_ms(world) <= 6_000
    await world.lanes().finish(entry, BAD)
    assert await world.leftovers() == {}


async def test_a_compensation_is_tried_again_long_after_the_deadline(world: World) -> None:
    job_id = await world.accepted("order", timeout_ms=300)
    await world.do()
    await world.do(BAD)
    await world.until_ms((await world.job(job_id)).deadline_ms)
    for attempt in (1, 2, 3):
        [release] = await world.take()
        assert (release.call, release.attempt, release.remaining_ms) == ("release", attempt, 0)
        assert await park(world, release) is Noted.PARKED
        assert await world.redis.execute("PTTL", world.keys.job(job_id)) == -1
        await Expiry(world.cell, lambda ended: None).run_once()
        await Requeue(world.cell).run_once()
    await world.do(GOOD)
    assert await world.leftovers() == {}
