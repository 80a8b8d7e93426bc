"""Results that nobody fetched are counted once, when their time is over."""

import pytest

from bff.broker.job import CallStatus
from bff.broker.lanes import End
from bff.broker.unclaimed import Tally, unclaimed
from tests.broker.world import BAD, MAIL, World

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000


async def ended(world: World, end: End | None = None, **more: object) -> str:
    job_id = await world.accepted(**more)  # type: ignore[arg-type]  # fields of a Submission
    await (world.do(end) if end else world.do())
    return job_id


async def until_results_are_over(world: World) -> None:
    """As if the time until then had passed: what goes in any minute has gone in the last one."""
    await Tally(world.cell).run_once()
    over = await world.now_ms() // MINUTE_MS - 1
    await world.redis.execute("HSET", world.keys.unclaimed(), "counted", over - 3)
    for number, key in enumerate(await world.redis.execute("KEYS", f"{world.keys.unclaimed()}:*")):
        await world.redis.execute("RENAME", key, world.keys.going(over - number))


async def test_a_result_that_nobody_fetched_is_counted_when_its_time_is_over(world: World) -> None:
    await ended(world)
    await ended(world)
    await Tally(world.cell).run_once()
    assert (await unclaimed(world.cell))["one"] == 0
    await until_results_are_over(world)
    for _ in range(2):
        await Tally(world.cell).run_once()
        assert (await unclaimed(world.cell))["one"] == 2
    assert await world.redis.execute("KEYS", f"{world.keys.unclaimed()}:*") == []


@pytest.mark.parametrize("notify", [None, MAIL])
async def test_one_that_was_fetched_is_not_however_often(world: World, notify: object) -> None:
    fetched, _ = await ended(world, notify=notify), await ended(world)
    assert (await world.job(fetched)).to_claim
    await world.jobs.claim(fetched)
    await world.jobs.claim(fetched, fetched)
    assert not (await world.job(fetched)).to_claim
    await until_results_are_over(world)
    await Tally(world.cell).run_once()
    assert (await unclaimed(world.cell))["one"] == 1


async def test_many_are_claimed_at_once(world: World) -> None:
    ids = [await ended(world) for _ in range(3)]
    await world.jobs.claim(*ids[:2], "unknown")
    assert [(await world.job(job_id)).to_claim for job_id in ids] == [False, False, True]


async def test_what_has_no_result_is_not_counted(world: World) -> None:
    failed = await ended(world, BAD)
    cancelled = await world.accepted()
    await world.jobs.cancel(cancelled, "public")
    for job_id in (failed, cancelled):
        await world.jobs.claim(job_id)
    await until_results_are_over(world)
    await Tally(world.cell).run_once()
    assert (await unclaimed(world.cell))["one"] == 0


async def test_one_that_is_fetched_in_its_last_moment_changes_no_count(world: World) -> None:
    """Its minute is over, and was counted."""
    job_id = await ended(world, End(status=CallStatus.SUCCEEDED, effect=True, milliseconds=1, data=b"{}"))
    await until_results_are_over(world)
    await Tally(world.cell).run_once()
    await world.jobs.claim(job_id)
    assert await world.redis.execute("KEYS", f"{world.keys.unclaimed()}:*") == []
    assert (await unclaimed(world.cell))["one"] == 1


async def test_after_a_long_rest_every_minute_is_counted(world: World) -> None:
    await ended(world)
    await until_results_are_over(world)
    over = await world.now_ms() // MINUTE_MS - 1
    await world.redis.execute("HSET", world.keys.unclaimed(), "counted", over - 250)
    await Tally(world.cell).run_once()
    assert (await unclaimed(world.cell))["one"] == 1


async def test_a_clock_that_was_set_back_does_not_end_the_counting(world: World) -> None:
    in_an_hour = await world.now_ms() // MINUTE_MS + 60
    await world.redis.execute("HSET", world.keys.unclaimed(), "counted", in_an_hour)
    await Tally(world.cell).run_once()
    assert int(await world.redis.execute("HGET", world.keys.unclaimed(), "counted")) < await world.now_ms() // MINUTE_MS
