"""How the lanes stand, for those who watch over them."""

import pytest

from bff.broker.jobs import Refused
from bff.broker.survey import ServiceState, dead_letters, survey
from bff.catalog.model import Priority
from tests.broker.world import BAD, GOOD, HOOK, SERVICES, World, a_catalog

pytestmark = pytest.mark.anyio


async def look(world: World, service: str = "fast") -> ServiceState:
    return (await survey(world.cell))[service]


async def test_before_anything_was_laid_down_all_is_at_zero(world: World) -> None:
    state = await look(world)
    assert (state.in_flight, set(state.depth.values()), set(state.wait_seconds.values())) == (0, {0}, {0})
    assert state.drain_rate == 100 / 0.01
    assert set((await dead_letters(world.cell)).values()) == {0}


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
    counts = await dead_letters(world.cell)
    assert (counts["fast"], counts["stock"]) == (1, 0)


async def test_what_nobody_was_told_of_is_counted_by_how_it_was_to_be_told(world: World) -> None:
    await world.accepted(notify=HOOK)
    await world.do()
    [turn] = await world.handed()
    await world.outbox.begin(turn)
    await world.outbox.bury(turn, medium="webhook", receiver="", error="http-500")
    counts = await dead_letters(world.cell)
    assert (counts["webhook"], counts["mail"]) == (1, 0)


async def test_of_the_dead_letters_the_newest_thousand_are_counted(world: World) -> None:
    add = "for i = 1, 1003 do redis.call('XADD', KEYS[1], '*', 'service', i > 500 and 'fast' or 'stock') end return 1"
    await world.redis.execute("EVAL", add, 1, world.keys.dead())
    counts = await dead_letters(world.cell)
    assert (counts["fast"], counts["stock"]) == (503, 497)


async def test_the_wait_of_a_newcomer_is_the_one_that_admission_predicts(world: World) -> None:
    for _ in range(4):
        await world.accepted("scarce")
    refused = await world.submit("scarce", timeout_ms=100)
    waits = (await look(world, "stock")).wait_seconds
    assert isinstance(refused, Refused)
    assert waits == {Priority.HIGH: 0, Priority.NORMAL: refused.expected_ms / 1000, Priority.LOW: 0}
    assert waits[Priority.NORMAL] > 0


async def test_the_longest_wait_is_the_services_own_or_what_clients_may_ask_for(world: World) -> None:
    text = SERVICES.replace("capacity = 10\n", "capacity = 10\nmax_wait_seconds = { low = 7 }\n")
    own = World(world.redis, a_catalog(text))
    longest = (await look(own, "stock")).max_wait_seconds
    assert longest == {Priority.HIGH: 120, Priority.NORMAL: 120, Priority.LOW: 7}


async def test_a_capacity_is_the_catalogs(world: World) -> None:
    await world.accepted()
    await world.do(GOOD)
    state = await look(world, "stock")
    assert (state.capacity, state.slots) == (10, 3)
