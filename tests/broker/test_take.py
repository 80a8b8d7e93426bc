"""What a take hands out: no more than slots and rate allow, in the order of weights, nothing that comes too late."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from bff.broker.arrivals import Arrivals
from bff.broker.lanes import Entry, Supply
from bff.broker.pipeline import Pipeline
from bff.catalog.model import Priority
from tests.broker.servers import Server
from tests.broker.world import BAD, GOOD, SERVICES, World, a_catalog

pytestmark = pytest.mark.anyio


def started_ms(entry: Entry) -> int:
    """When it was taken, by the broker's clock."""
    return int(entry.id.partition("-")[0]) + entry.queued_ms


async def pause(world: World, service: str, milliseconds: int) -> None:
    until_ms = await world.now_ms() + milliseconds
    await world.redis.execute("HSET", world.keys.service(service), "paused_until", until_ms)


async def test_an_entry_brings_all_that_its_call_needs(world: World) -> None:
    job_id = await world.accepted(
        "order",
        parameters=b'{"cart":"c1"}',
        priority=Priority.HIGH,
        traceparent="00-1-2-01",
        tracestate="a=b",
    )
    await world.do()
    [entry] = await world.take()
    assert entry.lane == world.keys.lane("fast", Priority.HIGH)
    assert (entry.job_id, entry.operation, entry.call, entry.priority) == (job_id, "order", "charge", Priority.HIGH)
    assert (entry.attempt, entry.effect) == (1, False)
    assert (entry.parameters, entry.outcomes) == (b'{"cart":"c1"}', {"reserve": b'{"ok":true}'})
    assert (entry.traceparent, entry.tracestate) == ("00-1-2-01", "a=b")
    job = await world.job(job_id)
    assert entry.remaining_ms == job.deadline_ms - started_ms(entry)
    assert job.submitted_ms <= started_ms(entry) <= job.now_ms


async def test_it_says_how_long_an_entry_was_queued(world: World) -> None:
    await world.accepted()
    queued_at = await world.now_ms()
    await world.until_ms(queued_at + 20)
    [entry] = await world.take()
    assert entry.queued_ms >= 20


async def test_a_slot_that_becomes_free_is_given_to_the_next(world: World) -> None:
    for _ in range(5):
        await world.accepted("scarce")
    held = await world.take("stock")
    assert len(held) == 3
    assert await world.take("stock") == []
    await world.lanes("stock").finish(held[0], GOOD)
    assert len(await world.take("stock")) == 1


async def test_it_is_worth_asking_again_for_a_slot_soon_and_not_at_once(world: World) -> None:
    for _ in range(4):
        await world.accepted("scarce")
    taken = await world.lanes("stock").take(4)
    assert (len(taken.entries), taken.supply) == (3, Supply.FULL)
    assert 5 <= taken.again_ms <= 250


async def test_no_window_of_time_sees_more_starts_than_the_rate(world: World) -> None:
    for _ in range(60):
        await world.accepted("steady")
    starts: list[int] = []
    consumers = [world.lanes("paced", f"w{n}") for n in range(3)]
    while len(starts) < 60:
        takes = await asyncio.gather(*(consumer.take(50) for consumer in consumers))
        starts += [started_ms(entry) for taken in takes for entry in taken.entries]
        await asyncio.sleep(min(taken.again_ms for taken in takes) / 1000)
    for first, start in enumerate(starts):
        for last in range(first, len(starts)):
            # 100 a second; 20 ms worth of it may come at once; the clock is read in whole milliseconds
            assert last - first + 1 <= 1 + (starts[last] - start + 1 + 20) * 100 / 1000


async def test_after_again_ms_there_is_a_permit(world: World) -> None:
    for _ in range(20):
        await world.accepted("steady")
    taken = await world.lanes("paced").take(20)
    for _ in range(5):
        assert taken.supply is Supply.LIMITED
        assert 0 < taken.again_ms <= 11
        await asyncio.sleep(taken.again_ms / 1000 + 0.001)  # a timer may fire within its last millisecond
        taken = await world.lanes("paced").take(20)
        assert taken.entries


async def test_a_clock_that_was_set_back_stops_no_service(world: World) -> None:
    """What GCRA remembers then lies an hour ahead."""
    await world.accepted("steady")
    ahead_us = (await world.now_ms() + 3_600_000) * 1000
    await world.redis.execute("HSET", world.keys.service("paced"), "next_us", ahead_us)
    taken = await world.lanes("paced").take(1)
    assert (taken.entries, taken.supply) == ([], Supply.LIMITED)
    assert taken.again_ms <= 11


async def test_lanes_are_served_by_weight_however_few_are_taken_at_once(world: World) -> None:
    for priority in Priority:
        for _ in range(24):
            await world.accepted(priority=priority)
    order = [(await world.take(wanted=1))[0].priority for _ in range(24)]
    assert Counter(order) == {Priority.HIGH: 16, Priority.NORMAL: 6, Priority.LOW: 2}
    assert Counter(order[:12]) == {Priority.HIGH: 8, Priority.NORMAL: 3, Priority.LOW: 1}


async def test_a_lane_that_is_alone_gets_everything(world: World) -> None:
    for _ in range(10):
        await world.accepted(priority=Priority.LOW)
    assert len(await world.take(wanted=10)) == 10


async def test_entries_of_one_lane_come_in_the_order_they_were_accepted(world: World) -> None:
    ids = [await world.accepted() for _ in range(10)]
    assert [entry.job_id for _ in range(4) for entry in await world.take(wanted=3)] == ids


async def test_a_service_that_rests_gives_nothing_and_says_when_to_look_again(world: World) -> None:
    await world.accepted()
    await pause(world, "fast", 5_000)
    taken = await world.lanes().take(1)
    assert (taken.entries, taken.supply) == ([], Supply.LIMITED)
    assert taken.again_ms == 1_000, "the rest can be ended by hand"
    await pause(world, "fast", 0)
    assert len(await world.take()) == 1


async def test_more_cancelled_entries_than_one_script_lets_go_of_are_dropped_by_the_next(world: World) -> None:
    for _ in range(250):
        await world.jobs.cancel(await world.accepted(), "public")
    last = await world.accepted()
    entries: list[Entry] = []
    takes = 0
    while not entries:
        taken = await world.lanes().take(1)
        entries, takes = list(taken.entries), takes + 1
        assert taken.supply is not Supply.IDLE or entries
        assert taken.again_ms == 0
    assert [entry.job_id for entry in entries] == [last]
    assert takes == 2
    await world.lanes().finish(entries[0], GOOD)
    assert await world.leftovers() == {}


async def test_what_expires_on_the_way_is_counted_and_takes_nobodys_slot(world: World) -> None:
    doomed = [await world.accepted("scarce", timeout_ms=250) for _ in range(3)]
    live = [await world.accepted("scarce") for _ in range(3)]
    deadline_ms = (await world.job(doomed[-1])).deadline_ms
    await world.until_ms(deadline_ms)
    taken = await world.lanes("stock").take(3)
    assert [entry.job_id for entry in taken.entries] == live
    assert [ended.job_id for ended in taken.ended] == doomed
    assert await world.redis.execute("HGET", world.keys.service("stock"), "expired.normal") == b"3"


async def test_work_that_waited_longer_than_its_service_allows_is_expired(world: World) -> None:
    catalog = a_catalog(SERVICES.replace("[services.fast]", "[services.fast]\nmax_wait_seconds = 0.05"))
    short = World(world.redis, catalog)
    await short.cell.configure()
    job_id = await short.accepted()
    submitted_ms = (await short.job(job_id)).submitted_ms
    await short.until_ms(submitted_ms + 60)
    taken = await short.lanes().take(1)
    assert (taken.entries, [ended.job_id for ended in taken.ended]) == ([], [job_id])
    assert await short.leftovers() == {}


async def test_a_longest_wait_that_was_taken_out_of_the_catalog_is_gone(world: World) -> None:
    before = a_catalog(SERVICES.replace("[services.fast]", "[services.fast]\nmax_wait_seconds = 1"))
    await World(world.redis, before, world.keys).cell.configure()
    await world.cell.configure()
    await world.accepted()
    [(_, fields)] = await world.redis.execute("XRANGE", world.keys.lane("fast", Priority.NORMAL), "-", "+")
    starts_by = int(fields[fields.index(b"start_by") + 1])
    assert starts_by > await world.now_ms() + 5_000


async def test_a_consumer_that_found_nothing_is_given_the_next_entry(redis: Server, pipeline: Pipeline) -> None:
    world = World(pipeline)
    lanes = world.lanes()
    await world.cell.configure()
    arrivals = Arrivals(lanes, redis.url)
    try:
        for priority in Priority:
            taken = await lanes.take(1)
            assert taken.supply is Supply.IDLE
            await world.accepted(priority=priority)  # between the take and the wait: it must not be missed
            [entry] = (await arrivals.take(taken.last_ids, 1)).entries
            assert entry.priority is priority
            await lanes.finish(entry, GOOD)
    finally:
        await arrivals.aclose()
    assert await world.leftovers() == {}


async def test_places_in_the_queue_count_down_as_those_before_are_taken(world: World) -> None:
    ids = [await world.accepted() for _ in range(4)]
    assert [(await world.job(job_id)).position for job_id in ids] == [0, 1, 2, 3]
    await world.take(wanted=2)
    assert [(await world.job(job_id)).position for job_id in ids] == [-1, -1, 0, 1]
    expected = [(await world.job(job_id)).expected_ms for job_id in ids[2:]]
    assert all(earlier <= later for earlier, later in pairwise(expected))


async def test_what_was_begun_goes_before_everything_that_was_not(world: World) -> None:
    """A retry and what a dead worker left: behind a full lane they would come too late."""
    begun = [await world.accepted("scarce", priority=Priority.LOW) for _ in range(2)]
    retried, lost = await world.take("stock", 2)
    waiting = [await world.accepted("scarce", priority=Priority.HIGH) for _ in range(3)]
    await world.lanes("stock").retry(retried, delay_ms=0, effect=False, error="timeout", http_status=None)
    await world.cell.run("requeue", [world.keys.parked()], [10])
    await world.set("stock", timeout_ms=-1000)
    assert (await world.lanes("stock").reclaim())[0] == 1
    taken = await world.take("stock", 3)
    assert [entry.job_id for entry in taken] == [retried.job_id, lost.job_id, waiting[0]]
    assert {retried.job_id, lost.job_id} == set(begun)
    assert (await world.job(waiting[1])).position == 0


async def test_what_must_be_undone_goes_before_everything_that_was_not_begun(world: World) -> None:
    await world.accepted("order")
    await world.do()
    await world.do(BAD)
    await world.accepted(priority=Priority.HIGH)
    assert [entry.call for entry in await world.take(wanted=1)] == ["release"]
