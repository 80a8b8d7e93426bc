"""How the lanes stand, for those who watch over them."""

import pytest

from bff.broker.survey import ServiceState, survey, untold
from bff.catalog.model import Priority
from tests.broker.world import BAD, GOOD, HOOK, World

pytestmark = pytest.mark.anyio


async def look(world: World, service: str = "fast") -> ServiceState:
    return (await survey(world.cell))[service]


async def test_before_anything_was_laid_down_all_is_at_zero(world: World) -> None:
    state = await look(world)
    assert (state.in_flight, state.dead_letters, set(state.depth.values())) == (0, 0, {0})
    assert state.drain_rate == 100 / 0.01


async def test_depth_is_what_waits_by_priority_also_what_has_no_entry_yet(world: World) -> None:
    await world.accepted("order", priority=Priority.HIGH)
    await world.accepted(priority=Priority.LOW)
    assert (await look(world)).depth == {Priority.HIGH: 3, Priority.NORMAL: 0, Priority.LOW: 1}


async def test_what_workers_hold_is_in_flight_and_waits_no_more(world: World) -> None:
    for _ in range(3):
        await world.accepted()
    await world.take(wanted=2)
    state = await look(world)
    assert (state.in_flight, state.depth[Priority.NORMAL]) == (2, 1)


async def test_the_oldest_entry_tells_for_how_long_it_is_not_done(world: World) -> None:
    await world.accepted()
    await world.until_ms(await world.now_ms() + 30)
    await world.accepted(priority=Priority.LOW)
    oldest = (await look(world)).oldest_seconds
    assert oldest[Priority.NORMAL] >= 0.03
    assert oldest[Priority.HIGH] == 0
    assert oldest[Priority.LOW] <= oldest[Priority.NORMAL]


async def test_what_came_too_late_is_counted(world: World) -> None:
    job_id = await world.accepted(timeout_ms=150)
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await world.take()
    assert (await look(world)).expired == {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 0}


async def test_the_drain_rate_is_of_slots_or_of_the_rate_whichever_is_less(world: World) -> None:
    await world.cell.configure()
    assert (await look(world, "stock")).drain_rate == pytest.approx(3 / 0.05)
    assert (await look(world, "paced")).drain_rate == 100


async def test_what_was_given_up_is_counted_by_service(world: World) -> None:
    await world.accepted("order")
    await world.do()
    await world.do(BAD)
    await world.do(BAD)
    assert ((await look(world)).dead_letters, (await look(world, "stock")).dead_letters) == (1, 0)


async def test_what_nobody_was_told_of_is_counted_by_how_it_was_to_be_told(world: World) -> None:
    await world.accepted(notify=HOOK)
    await world.do()
    [turn] = await world.handed()
    await world.outbox.begin(turn)
    await world.outbox.bury(turn, medium="webhook", receiver="", error="http-500")
    assert await untold(world.cell) == {"webhook": 1, "mail": 0}


async def test_a_capacity_is_the_catalogs(world: World) -> None:
    await world.accepted()
    await world.do(GOOD)
    assert (await look(world, "stock")).capacity == 10
