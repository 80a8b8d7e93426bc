"""Retries are a tenth of what a service is asked for, so that they cannot multiply an overload."""

from typing import Any

import pytest

from bff.broker.lanes import Entry, Noted
from tests.broker.world import World

pytestmark = pytest.mark.anyio


async def tried_again(world: World, entry: Entry, **more: Any) -> Noted:
    parked = {"delay_ms": 0, "effect": False, "error": "http-status", "http_status": 500}
    return await world.lanes().retry(entry, **{**parked, **more})


async def tokens(world: World, left: int) -> None:
    """Thousandths of a retry; a second earns one, so the clock is set far ahead for them to stay."""
    await world.set("fast", retry_tokens=left, retry_at=await world.now_ms() + 3_600_000)


async def test_ten_retries_are_saved_up_at_most(world: World) -> None:
    for _ in range(12):
        await world.accepted()
    entries = await world.take()
    await world.set("fast", retry_tokens=10_000, retry_at=await world.now_ms() + 3_600_000)
    noted = [await tried_again(world, entry) for entry in entries]
    assert noted == [Noted.PARKED] * 10 + [Noted.NO_BUDGET] * 2


async def test_ten_first_attempts_earn_one_retry(world: World) -> None:
    await world.accepted()
    [first] = await world.take()
    await tokens(world, 0)
    assert await tried_again(world, first) is Noted.NO_BUDGET
    for _ in range(10):
        await world.accepted()
    await world.take()
    assert await tried_again(world, first) is Noted.PARKED


async def test_without_budget_nothing_was_changed_and_the_call_can_be_finished(world: World) -> None:
    job_id = await world.accepted()
    [entry] = await world.take()
    await tokens(world, 0)
    version = (await world.job(job_id)).version
    assert await tried_again(world, entry) is Noted.NO_BUDGET
    assert (await world.job(job_id)).version == version
    assert await world.statuses(job_id) == {"only": "running"}


async def test_what_is_no_retry_costs_nothing(world: World) -> None:
    await world.accepted()
    [entry] = await world.take()
    await tokens(world, 0)
    assert await tried_again(world, entry, budgeted=False) is Noted.PARKED


async def test_a_call_that_was_pushed_back_keeps_its_attempts_ten_times_and_shows_them(world: World) -> None:
    job_id = await world.accepted()
    for calls in range(1, 13):
        [entry] = await world.take()
        assert entry.attempt == max(1, calls - 10)
        assert (await world.job(job_id)).calls[0].attempts == calls
        await tried_again(world, entry, http_status=429, budgeted=False)
        await world.cell.run("requeue", [world.keys.parked()], [10])
