"""What was given up is kept until an operator has replayed or discarded it."""

import pytest

from bff.broker.dead_letters import DeadLetter, DeadLetters, Kind, NotReplayed
from bff.broker.job import JobStatus
from bff.catalog.model import Priority
from bff.wire.dead_letter import letter_document
from tests.broker.world import BAD, GOOD, World

pytestmark = pytest.mark.anyio


async def letters(world: World, service: str | None = None) -> list[DeadLetter]:
    return [letter async for letter in DeadLetters(world.cell).all(service)]


async def lost(world: World, service: str = "fast") -> None:
    """As if the worker that has an entry had died with it."""
    await world.set(service, timeout_ms=-1000)
    while await world.take(service):
        assert (await world.lanes(service).reclaim())[0] == 1


async def test_a_call_that_ends_three_workers_is_buried_and_its_job_fails(world: World) -> None:
    job_id = await world.accepted(parameters=b'{"a":1}', priority=Priority.LOW, client="acme", timeout_ms=9_000)
    await lost(world)
    job = await world.job(job_id)
    assert (job.status, job.blame, job.calls[0].error) == (JobStatus.FAILED, "only", "worker-lost")
    [letter] = await letters(world)
    assert (letter.kind, letter.job_id, letter.operation, letter.call) == (Kind.CALL, job_id, "one", "only")
    assert (letter.client, letter.priority, letter.timeout_ms) == ("acme", "low", 9_000)
    assert (letter.parameters, letter.attempts, letter.error) == (b'{"a":1}', 3, "worker-lost")
    assert await world.leftovers() == {}


async def test_a_call_that_its_job_can_do_without_is_not_buried(world: World) -> None:
    """To replay it would be to do a job again that has done its work."""
    job_id = await world.accepted("crowded")
    await world.do()
    await lost(world, "stock")
    job = await world.job(job_id)
    assert (job.status, job.partial) == (JobStatus.SUCCEEDED, True)
    assert await letters(world) == []
    assert await world.leftovers() == {}


async def test_to_replay_a_call_is_to_submit_it_again_once(world: World) -> None:
    await world.accepted(parameters=b'{"a":1}', client="acme")
    await lost(world)
    [letter] = await letters(world)
    dead = DeadLetters(world.cell)
    replayed = [await dead.replay(letter), await dead.replay(letter)]
    assert replayed[0] == replayed[1] != letter.job_id
    assert await letters(world) == []
    assert await world.do() == ["only"]
    job = await world.job(replayed[0])
    assert (job.status, job.client) == (JobStatus.SUCCEEDED, "acme")
    assert await world.jobs.parameters(job.id) == b'{"a":1}'


async def test_a_replay_that_is_not_admitted_keeps_its_letter(world: World) -> None:
    await world.accepted("scarce")
    await lost(world, "stock")
    [letter] = await letters(world)
    await world.breaker(open_ms=9_000)
    with pytest.raises(NotReplayed, match=r"downstream-unavailable, service 'stock'\); try again in 9 s"):
        await DeadLetters(world.cell).replay(letter)
    assert await letters(world) == [letter]


async def not_undone(world: World) -> str:
    """A job whose charge could not be refunded."""
    job_id = await world.accepted("order")
    await world.do()
    await world.do()
    await world.do(BAD)
    assert await world.do(BAD) == ["refund"]
    assert await world.do() == ["release"]
    return job_id


async def test_a_compensation_that_was_given_up_keeps_its_job_and_can_be_tried_again(world: World) -> None:
    job_id = await not_undone(world)
    assert await world.redis.execute("PTTL", world.keys.job(job_id)) == -1
    [letter] = await letters(world)
    assert (letter.kind, letter.call, letter.service) == (Kind.COMPENSATION, "refund", "fast")
    dead = DeadLetters(world.cell)
    assert await dead.replay(letter) == job_id
    with pytest.raises(NotReplayed, match="not there any more"):
        await dead.replay(letter)
    assert await world.do() == ["refund"]
    assert (await world.statuses(job_id))["refund"] == "succeeded"
    assert (await world.job(job_id)).status is JobStatus.FAILED, "a terminal state never changes"
    assert await world.leftovers() == {}


async def test_the_job_of_a_letter_that_is_discarded_expires_like_any_other(world: World) -> None:
    job_id = await not_undone(world)
    [letter] = await letters(world)
    dead = DeadLetters(world.cell)
    assert [await dead.discard(letter), await dead.discard(letter)] == [True, False]
    assert await world.redis.execute("PTTL", world.keys.job(job_id)) > 0
    assert await world.leftovers() == {}


async def test_what_is_no_entry_of_ours_is_buried_and_stands_in_nobodys_way(world: World) -> None:
    await world.cell.configure()
    lane = world.keys.lane("fast", Priority.NORMAL)
    await world.redis.execute("XADD", lane, "*", "bogus", "\xff")
    job_id = await world.accepted()
    assert await world.do(GOOD) == ["only"]
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    [letter] = await letters(world, "fast")
    assert (letter.kind, letter.lane) == (Kind.ENTRY, lane)
    with pytest.raises(NotReplayed, match="discard it"):
        await DeadLetters(world.cell).replay(letter)
    assert await letters(world, "stock") == []
    assert await world.leftovers() == {}


async def test_letters_are_listed_oldest_first_however_many(world: World) -> None:
    await world.cell.configure()
    for _ in range(250):
        await world.redis.execute("XADD", world.keys.dead(), "*", "kind", "entry", "service", "fast")
    found = await letters(world)
    assert len(found) == 250
    assert [letter.id for letter in found] == sorted((letter.id for letter in found), key=_order)


def _order(letter_id: str) -> tuple[int, int]:
    milliseconds, _, number = letter_id.partition("-")
    return int(milliseconds), int(number)


@pytest.mark.parametrize(
    "fields",
    [("kind", "x"), ("who", "knows"), ("kind", "call", "attempts", "y"), ("kind", "call", "parameters", "{"),
     (b"\xff", b"\xfe")],
    ids=["kind", "no kind", "attempts", "parameters", "no text"],
)  # fmt: skip
async def test_what_somebody_else_wrote_among_them_is_shown_as_it_is_and_can_be_discarded(
    world: World, fields: tuple[str | bytes, ...]
) -> None:
    await world.accepted()
    await lost(world)
    await world.redis.execute("XADD", world.keys.dead(), "*", *fields)
    ours, strange = await letters(world)
    assert (ours.kind, strange.kind) == (Kind.CALL, Kind.ENTRY)
    shown = [part if isinstance(part, str) else part.decode(errors="replace") for part in fields]
    assert letter_document(strange)["fields"] == shown
    with pytest.raises(NotReplayed, match="discard it"):
        await DeadLetters(world.cell).replay(strange)
    assert await DeadLetters(world.cell).discard(strange)
    assert await letters(world) == [ours]
