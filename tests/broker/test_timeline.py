"""What happened to a job, for operators: told by the scripts in the step that did it, kept as long as the job."""

from dataclasses import replace

import pytest

from bff.broker.dead_letters import DeadLetters
from bff.broker.job import Mode
from bff.broker.lanes import Entry
from bff.broker.requeue import Requeue
from bff.broker.synchronous import begin
from bff.broker.timeline import Event, What, event_of
from tests.broker.world import BAD, GOOD, HOOK, World

pytestmark = pytest.mark.anyio

Told = list[tuple[What, str | None]]


async def timeline(world: World, job_id: str) -> list[Event]:
    return await world.jobs.timeline(job_id)


async def told(world: World, job_id: str) -> Told:
    return [(event.what, event.call) for event in await timeline(world, job_id)]


async def test_a_call_is_told_of_from_its_lane_to_its_end_with_who_did_what(world: World) -> None:
    job_id = await World(world.redis, world.catalog, world.keys, process="gateway-1").accepted()
    [entry] = await world.take()
    await world.lanes().finish(entry, GOOD)
    await world.jobs.claim(job_id)
    await world.jobs.claim(job_id)
    submitted, queued, taken, ended, finished, fetched = await timeline(world, job_id)
    assert (submitted.what, submitted.by, submitted.after_ms) == (What.SUBMITTED, "gateway-1", 0)
    assert (queued.what, queued.call, queued.lane) == (What.QUEUED, "only", "normal")
    assert (taken.what, taken.by, taken.attempt, taken.queued_ms) == (What.TAKEN, "w1", 1, entry.queued_ms)
    assert (ended.what, ended.status, ended.http_status, ended.milliseconds) == (What.ENDED, "succeeded", 200, 7)
    assert (ended.source, ended.error) == ("live", None)
    assert (finished.what, finished.status, finished.call) == (What.FINISHED, "succeeded", None)
    assert fetched.what is What.FETCHED
    assert submitted.after_ms <= taken.after_ms <= ended.after_ms <= fetched.after_ms


async def test_of_a_synchronous_job_the_gateway_is_told_that_made_the_call(world: World) -> None:
    here = World(world.redis, world.catalog, world.keys, process="gateway-1")
    job_id = await here.accepted(mode=Mode.SYNC)
    begun = await begin(here.cell, job_id, "only")
    assert begun.entry is not None
    await here.lanes().finish(begun.entry, GOOD)
    _, queued, taken, ended, _ = await timeline(world, job_id)
    assert (queued.what, queued.lane) == (What.QUEUED, None)
    assert (taken.by, taken.attempt, ended.status) == ("gateway-1", 1, "succeeded")


async def test_a_retry_is_told_of_with_its_reason_and_when_it_comes_again(world: World) -> None:
    job_id = await world.accepted("scarce")
    [entry] = await world.take("stock")
    await retried(world, entry)
    parked = (await timeline(world, job_id))[-1]
    assert (parked.what, parked.error, parked.http_status, parked.delay_ms) == (What.PARKED, "http-status", 503, 1)
    await world.until_ms(await world.now_ms() + 2)
    await Requeue(world.cell).run_once()
    await world.do(service="stock")
    assert [event.lane for event in await timeline(world, job_id) if event.what is What.QUEUED] == ["normal", "again"]
    assert [event.attempt for event in await timeline(world, job_id) if event.what is What.TAKEN] == [1, 2]


async def retried(world: World, entry: Entry) -> None:
    await world.lanes("stock").retry(entry, delay_ms=1, effect=False, error="http-status", http_status=503)


async def test_what_was_undone_is_told_of_behind_the_end(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    await world.do(BAD)
    await world.do()
    assert await told(world, job_id) == [
        (What.SUBMITTED, None), (What.QUEUED, "reserve"), (What.TAKEN, "reserve"), (What.ENDED, "reserve"),
        (What.QUEUED, "charge"), (What.TAKEN, "charge"), (What.ENDED, "charge"),
        (What.SKIPPED, "confirm"), (What.FINISHED, "charge"),
        (What.QUEUED, "release"), (What.TAKEN, "release"), (What.ENDED, "release"),
    ]  # fmt: skip


async def test_a_worker_that_was_lost_and_what_it_came_to_is_told_of(world: World) -> None:
    job_id = await world.accepted("scarce")
    await world.set("stock", timeout_ms=-1000)
    while await world.take("stock"):
        await world.lanes("stock").reclaim()
    words = [what for what, _ in await told(world, job_id)]
    assert words.count(What.RECLAIMED) == 3
    assert words[-4:] == [What.RECLAIMED, What.FAILED, What.FINISHED, What.BURIED]


async def test_a_notification_is_told_of_turn_by_turn_and_what_an_operator_did_with_it(world: World) -> None:
    job_id = await world.accepted(notify=HOOK)
    await world.do()
    [turn] = await world.handed()
    await world.outbox.begin(turn)
    await world.outbox.again(turn, 5_000)
    await world.make_due(job_id)
    [turn] = await world.handed()
    await world.outbox.begin(turn)
    await world.outbox.bury(turn, medium="webhook", receiver="", error="http-500")
    [letter] = [letter async for letter in DeadLetters(world.cell).all()]
    await DeadLetters(world.cell).replay(letter)
    await world.deliver()
    events = (await timeline(world, job_id))[5:]
    assert [(event.what, event.status or event.attempt) for event in events] == [
        (What.NOTIFYING, 1), (What.NOTIFICATION, "again"), (What.NOTIFYING, 2), (What.NOTIFICATION, "buried"),
        (What.REPLAYED, None), (What.NOTIFYING, 1), (What.NOTIFICATION, "delivered"),
    ]  # fmt: skip
    assert events[1].delay_ms == 5_000


async def test_cancelled_and_expired_calls_are_told_of(world: World) -> None:
    cancelled = await world.accepted()
    await world.jobs.cancel(cancelled, "public")
    assert (await told(world, cancelled))[-2:] == [(What.CANCELLED, "only"), (What.FINISHED, None)]
    expired = await world.accepted(timeout_ms=150)
    await world.until_ms((await world.job(expired)).deadline_ms)
    await world.take()
    assert (await told(world, expired))[-2:] == [(What.EXPIRED, "only"), (What.FINISHED, "only")]


async def test_it_goes_with_its_job_also_where_it_came_later_than_the_end(world: World) -> None:
    """As of a job that an older gateway accepted."""
    job_id = await world.accepted()
    [entry] = await world.take()
    await world.redis.execute("DEL", world.keys.timeline(job_id))
    await world.lanes().finish(entry, GOOD)
    job_ms, timeline_ms = [
        await world.redis.execute("PTTL", key) for key in (world.keys.job(job_id), world.keys.timeline(job_id))
    ]
    assert 0 < timeline_ms <= job_ms + 1


async def test_of_a_very_long_one_the_newest_are_kept(world: World) -> None:
    job_id = await world.accepted()
    await world.redis.execute("RPUSH", world.keys.timeline(job_id), *(f"1 queued x{i} normal" for i in range(300)))
    await world.do()
    events = await timeline(world, job_id)
    assert len(events) == 200
    assert events[-1].what is What.FINISHED


async def test_nothing_of_what_a_client_sent_or_a_service_answered_is_in_it(world: World) -> None:
    job_id = await world.accepted(parameters=b'{"secret":1}')
    await world.do(replace(GOOD, data=b'{"secret":2}'))
    lines = await world.redis.execute("LRANGE", world.keys.timeline(job_id), 0, -1)
    assert b"secret" not in b"".join(lines)


def test_every_word_can_be_read() -> None:
    for what in What:
        assert event_of(f"12 {what}").what is what
