"""Whoever is to be told of a job's end stands in the outbox, from its end until told or given up, however it ends."""

from typing import Any

import pytest

from bff.broker.dead_letters import DeadLetters, Kind, NotReplayed
from bff.broker.expiry import Expiry
from bff.broker.outbox import LEASE_MS, Turn
from tests.broker.world import BAD, GOOD, HOOK, MAIL, World

pytestmark = pytest.mark.anyio

GRACE_MS = 30_000
DAY_MS = 86_400_000


async def ended(world: World, **more: Any) -> str:
    job_id = await world.accepted(**{"notify": HOOK, **more})
    await world.do()
    return job_id


async def turn_of(world: World, job_id: str) -> Turn:
    await world.make_due(job_id)
    [turn] = await world.handed()
    return turn


async def buried(world: World, job_id: str) -> str:
    turn = await turn_of(world, job_id)
    assert await world.outbox.begin(turn)
    await world.outbox.bury(turn, medium="webhook", receiver="https://hooks.example", error="HTTP 500")
    [letter] = [letter.id async for letter in DeadLetters(world.cell).all()]
    return letter


async def hash_expires_in(world: World, job_id: str) -> int:
    """In ms; -1: not at all."""
    return int(await world.redis.execute("PTTL", world.keys.job(job_id)))


async def test_a_job_that_nobody_is_to_be_told_of_is_not_in_it(world: World) -> None:
    await ended(world, notify=None)
    assert await world.deliver() == []


async def test_nobody_is_told_before_the_end(world: World) -> None:
    job_id = await world.accepted(notify=HOOK)
    assert await world.due(job_id) is None


@pytest.mark.parametrize("how", ["succeeded", "failed", "cancelled", "expired"])
async def test_whoever_is_always_told_is_told_at_once_however_it_ends(world: World, how: str) -> None:
    job_id = await world.accepted(notify=HOOK, timeout_ms=150 if how == "expired" else 10_000)
    if how == "cancelled":
        await world.jobs.cancel(job_id, "public")
    elif how == "expired":
        await world.until_ms((await world.job(job_id)).deadline_ms)
        await Expiry(world.cell, lambda _: None).run_once()
    else:
        await world.do(GOOD if how == "succeeded" else BAD)
    [turn] = await world.handed()
    notification = await world.outbox.begin(turn)
    assert notification
    assert (notification.job.id, notification.job.status, notification.uri) == (job_id, how, HOOK.uri)
    assert notification.attempt == 1


async def test_who_is_told_only_of_what_was_not_fetched_is_told_after_the_grace_time(world: World) -> None:
    job_id = await ended(world, notify=MAIL)
    due_ms = await world.due(job_id)
    assert due_ms is not None
    assert GRACE_MS - 5_000 < due_ms <= GRACE_MS
    assert await world.handed() == []
    assert await world.outbox.begin(await turn_of(world, job_id))


@pytest.mark.parametrize(("notify", "told"), [(HOOK, True), (MAIL, False)])
async def test_what_was_fetched_is_told_only_to_who_is_always_told(world: World, notify: object, told: bool) -> None:
    job_id = await ended(world, notify=notify)
    assert (await world.job(job_id)).to_claim
    await world.jobs.claim(job_id)
    assert not (await world.job(job_id)).to_claim
    assert (await world.deliver() == [job_id]) == told
    assert await world.leftovers() == {}


async def test_what_is_fetched_while_it_is_retried_is_not_told_any_more(world: World) -> None:
    job_id = await ended(world, notify=MAIL)
    turn = await turn_of(world, job_id)
    assert await world.outbox.begin(turn)
    await world.jobs.claim(job_id)
    await world.outbox.again(turn, 0)
    assert await world.deliver() == []


async def test_a_job_that_has_not_ended_cannot_be_claimed(world: World) -> None:
    job_id = await world.accepted(notify=MAIL)
    await world.jobs.claim(job_id)
    await world.do()
    assert await world.due(job_id) is not None


async def test_what_is_lost_after_it_was_handed_over_is_handed_over_again(world: World) -> None:
    job_id = await ended(world)
    [lost] = await world.handed()
    assert await world.handed() == []
    due_ms = await world.due(job_id)
    assert due_ms is not None
    assert LEASE_MS - 5_000 < due_ms <= LEASE_MS
    turn = await turn_of(world, job_id)
    assert turn == Turn(job_id, lost.number + 1)
    assert await world.outbox.begin(lost) is None, "it came too late"
    notification = await world.outbox.begin(turn)
    assert notification
    assert notification.attempt == 1, "nobody had tried"


async def test_a_turn_is_one_attempt(world: World) -> None:
    [turn] = await world.handed() or [await turn_of(world, await ended(world))]
    assert await world.outbox.begin(turn)
    assert await world.outbox.begin(turn) is None


async def test_what_failed_is_due_again_when_it_was_said(world: World) -> None:
    job_id = await ended(world)
    [turn] = await world.handed()
    assert await world.outbox.begin(turn)
    await world.outbox.again(turn, 60_000)
    due_ms = await world.due(job_id)
    assert due_ms is not None
    assert 55_000 < due_ms <= 60_000
    turn = await turn_of(world, job_id)
    notification = await world.outbox.begin(turn)
    assert notification
    assert notification.attempt == 2
    await world.outbox.untried(turn, 0)
    notification = await world.outbox.begin(await turn_of(world, job_id))
    assert notification
    assert notification.attempt == 2, "it was not tried"


async def test_what_was_delivered_late_is_not_delivered_again(world: World) -> None:
    """By a worker that was taken for dead. What else it says does not count."""
    job_id = await ended(world)
    [frozen] = await world.handed()
    assert await world.outbox.begin(frozen)
    turn = await turn_of(world, job_id)
    await world.outbox.again(frozen, 3_600_000)
    await world.outbox.bury(frozen, medium="webhook", receiver="", error="")
    await world.outbox.drop(frozen)
    due_ms = await world.due(job_id)
    assert due_ms is not None
    assert due_ms <= LEASE_MS
    await world.outbox.delivered(frozen)
    assert await world.outbox.begin(turn) is None
    assert await world.leftovers() == {}


async def test_a_job_is_kept_until_it_was_told_and_is_not_read_past_its_time(world: World) -> None:
    job_id = await ended(world)
    assert await hash_expires_in(world, job_id) == -1
    for key in (world.keys.parameters(job_id), world.keys.outcomes(job_id)):
        assert await world.redis.execute("PTTL", key) > 0
        await world.redis.execute("DEL", key)
    await world.redis.execute("HSET", world.keys.job(job_id), "expires", await world.now_ms() - 1)
    assert await world.jobs.read(job_id) is None
    turn = await turn_of(world, job_id)
    assert await world.outbox.begin(turn)
    await world.outbox.delivered(turn)
    assert await hash_expires_in(world, job_id) <= 1_000


async def test_a_job_that_was_told_is_kept_as_long_as_any(world: World) -> None:
    job_id = await ended(world)
    await world.deliver()
    assert DAY_MS - 10_000 < await hash_expires_in(world, job_id) <= DAY_MS


async def test_a_job_that_is_still_being_undone_is_kept_though_it_was_told(world: World) -> None:
    job_id = await ended(world, operation="order")
    await world.do(BAD)
    assert await world.deliver() == [job_id]
    assert await hash_expires_in(world, job_id) == -1
    assert await world.do() == ["release"]
    assert await hash_expires_in(world, job_id) > 0


async def test_what_was_given_up_is_for_an_operator_to_replay_under_the_same_job_for_a_week(world: World) -> None:
    job_id = await ended(world, client="acme")
    letter_id = await buried(world, job_id)
    dead = DeadLetters(world.cell)
    letter = await dead.find(letter_id)
    assert letter
    assert (letter.kind, letter.service, letter.job_id, letter.client) == (Kind.NOTIFICATION, "webhook", job_id, "acme")
    assert (letter.receiver, letter.error, letter.attempts) == ("https://hooks.example", "HTTP 500", 1)
    assert 7 * DAY_MS - 10_000 < await hash_expires_in(world, job_id) <= 7 * DAY_MS
    version = (await world.job(job_id)).version
    assert await dead.replay(letter) == job_id
    [turn] = await world.handed()
    notification = await world.outbox.begin(turn)
    assert notification
    assert notification.attempt == 1
    assert notification.job.version == version, "nothing that its client sees has changed"
    await world.outbox.delivered(turn)
    assert await hash_expires_in(world, job_id) <= DAY_MS, "like any other, once it was told"
    assert await world.leftovers() == {}


async def test_what_was_discarded_leaves_its_job_to_expire(world: World) -> None:
    job_id = await ended(world)
    dead = DeadLetters(world.cell)
    letter = await dead.find(await buried(world, job_id))
    assert letter
    assert await dead.discard(letter)
    assert await hash_expires_in(world, job_id) <= DAY_MS
    with pytest.raises(NotReplayed):
        await dead.replay(letter)


async def test_what_outlived_its_job_can_only_be_discarded(world: World) -> None:
    job_id = await ended(world)
    dead = DeadLetters(world.cell)
    letter = await dead.find(await buried(world, job_id))
    assert letter
    await world.redis.execute("DEL", world.keys.job(job_id))
    with pytest.raises(NotReplayed):
        await dead.replay(letter)
    assert await dead.discard(letter)


async def test_a_job_that_is_gone_leaves_the_outbox(world: World) -> None:
    job_id = await ended(world)
    await world.redis.execute("DEL", world.keys.job(job_id))
    assert await world.handed() == []
    assert await world.due(job_id) is None


async def test_a_repeated_submission_is_told_as_the_first_one_asked(world: World) -> None:
    job_id = await world.accepted(notify=HOOK, idempotency_key="k")
    await world.submit(notify=MAIL, idempotency_key="k")
    await world.do()
    [turn] = await world.handed()
    notification = await world.outbox.begin(turn)
    assert notification
    assert (notification.job.id, notification.uri) == (job_id, HOOK.uri)
