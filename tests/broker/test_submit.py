"""What is accepted is laid down as a whole, what is refused leaves nothing."""

from typing import Any

import pytest

from bff.broker.job import CallStatus, Mode, pairs
from bff.broker.jobs import Conflict, Done, Refusal, Refused, Replayed
from bff.catalog.model import Priority
from tests.broker.world import BAD, GOOD, World

pytestmark = pytest.mark.anyio


async def everything(world: World) -> dict[bytes, bytes]:
    """All keys of the cell, and what is in them."""
    keys = sorted(await world.redis.execute("KEYS", f"{world.keys.prefix}:*"))
    return {key: await world.redis.execute("DUMP", key) for key in keys}


async def booked(world: World, service: str) -> dict[str, int]:
    fields = pairs(await world.redis.execute("HGETALL", world.keys.service(service)))
    return {str(priority): int(fields.get(f"booked.{priority}", b"0")) for priority in Priority}


async def test_a_job_is_laid_down_with_all_that_belongs_to_it(world: World) -> None:
    job_id = await world.accepted("crowded", parameters=b'{"a":1}', priority=Priority.HIGH, idempotency_key="k")
    job = await world.job(job_id)
    assert await world.redis.execute("GET", world.keys.parameters(job_id)) == b'{"a":1}'
    index = await world.redis.execute("ZRANGE", world.keys.deadlines(), 0, -1, "WITHSCORES")
    assert [index[0], int(index[1])] == [job_id.encode(), job.deadline_ms]
    for service, name in (("fast", "must"), ("stock", "nice")):
        assert await booked(world, service) == {"high": 1, "normal": 0, "low": 0}
        [(_, flat)] = await world.redis.execute("XRANGE", world.keys.lane(service, Priority.HIGH), "-", "+")
        entry = pairs(flat)
        assert (entry["job"], entry["call"]) == (job_id.encode(), name.encode())
        assert int(entry["start_by"]) < job.deadline_ms


async def test_a_job_remembers_who_asked_and_how(world: World) -> None:
    answer = await world.submit(client="acme", mode=Mode.SYNC, priority=Priority.LOW, timeout_ms=7_000)
    job = await world.job(answer.job.id)
    assert (job.client, job.mode, job.priority, job.operation) == ("acme", "sync", "low", "one")
    assert (job.deadline_ms - job.submitted_ms, job.version) == (7_000, 1)
    assert (job.started_ms, job.finished_ms, job.expires_ms, job.blame) == (None, None, None, None)


async def test_the_place_in_the_queue_is_that_of_the_call_with_most_before_it(world: World) -> None:
    for _ in range(4):
        await world.accepted("scarce")
    for asked in ({}, {"done": [Done("must", 12, 200, b"7")]}):
        answer = await world.submit("crowded", **asked)
        assert answer.job.position == (await world.job(answer.job.id)).position
        assert answer.job.position >= 4


async def test_a_call_that_waits_on_another_has_a_place_before_it_has_an_entry(world: World) -> None:
    await world.accepted("order")
    assert await booked(world, "fast") == {"high": 0, "normal": 3, "low": 0}
    assert await world.redis.execute("XLEN", world.keys.lane("fast", Priority.NORMAL)) == 1


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        (Refusal.QUEUE_FULL, {"operation": "scarce", "priority": Priority.LOW}),
        (Refusal.DEADLINE_UNATTAINABLE, {"operation": "order", "timeout_ms": 120}),
    ],
)
async def test_what_is_refused_leaves_nothing(world: World, reason: Refusal, asked: dict[str, Any]) -> None:
    for _ in range(3):
        await world.accepted("scarce", priority=Priority.LOW)
    before = await everything(world)
    refused = await world.submit(**asked, idempotency_key="k")
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert await everything(world) == before


async def test_who_was_refused_may_come_again_with_the_same_key(world: World) -> None:
    asked: dict[str, Any] = {"operation": "scarce", "priority": Priority.LOW, "idempotency_key": "k"}
    for _ in range(3):
        await world.accepted("scarce", priority=Priority.LOW)
    assert isinstance(await world.submit(**asked), Refused)
    await world.do(service="stock")
    job_id = await world.accepted(**asked)
    assert await world.submit(**asked) == Replayed(job_id)


async def test_a_replay_changes_nothing(world: World) -> None:
    job_id = await world.accepted("order", idempotency_key="k")
    before = await everything(world)
    assert await world.submit("order", idempotency_key="k") == Replayed(job_id)
    assert await world.submit("order", idempotency_key="k", parameters=b"[]") == Conflict(job_id)
    assert await everything(world) == before


async def test_a_key_is_its_clients_and_its_operations_own(world: World) -> None:
    ids = {
        await world.accepted(operation, client=client, idempotency_key=key)
        for operation, client, key in (("one", "a", "k"), ("one", "b", "k"), ("order", "a", "k"), ("one", "a", "K"))
    }
    assert len(ids) == 4


async def test_a_key_is_replayed_after_its_job_has_ended(world: World) -> None:
    job_id = await world.accepted(idempotency_key="k")
    await world.do()
    assert await world.submit(idempotency_key="k") == Replayed(job_id)
    assert await world.leftovers() == {}


async def test_an_idempotency_record_lives_no_longer_than_the_result(world: World) -> None:
    await world.accepted(idempotency_key="k")
    await world.do()
    for key in await world.redis.execute("KEYS", f"{world.keys.prefix}:*"):
        if b":idempotency:" in key or b":job:" in key:
            assert 86_000_000 < await world.redis.execute("PTTL", key) <= 86_401_000  # fakeredis reads its clock twice


async def test_what_waits_on_a_call_that_found_no_place_gives_its_own_back(world: World) -> None:
    await world.cell.configure()
    await world.redis.execute("HSET", world.keys.service("stock"), "bound.normal", 0)
    answer = await world.submit("chain")
    assert [call.status for call in answer.job.calls] == [CallStatus.QUEUED, CallStatus.SKIPPED, CallStatus.SKIPPED]
    assert (await world.job(answer.job.id)).calls == answer.job.calls
    assert await booked(world, "stock") == {"high": 0, "normal": 0, "low": 0}
    assert await booked(world, "fast") == {"high": 0, "normal": 1, "low": 0}
    await world.do()
    assert await world.leftovers() == {}


async def test_a_job_whose_calls_were_all_made_inline_has_ended_when_it_is_accepted(world: World) -> None:
    answer = await world.submit(done=[Done("only", 12, 200, b"7")])
    assert answer.job.status.terminal
    assert [ended.job_id for ended in answer.ended] == [answer.job.id]
    assert (await world.job(answer.job.id)).outcomes == {"only": b"7"}
    assert await world.leftovers() == {}


async def test_a_job_of_which_nothing_is_left_for_want_of_places_has_ended_when_it_is_accepted(world: World) -> None:
    await world.cell.configure()
    await world.redis.execute("HSET", world.keys.service("stock"), "bound.normal", 0)
    answer = await world.submit("crowded", done=[Done("must", 12, 200, b"7")])
    assert (answer.job.status.terminal, answer.job.partial) == (True, True)
    assert await world.leftovers() == {}


async def test_a_job_keeps_the_plan_that_it_was_accepted_with(world: World) -> None:
    """While a new catalog is rolled out, gateways and workers of both are at work."""
    job_id = await world.accepted("order")
    plan = (await world.redis.execute("HGET", world.keys.job(job_id), "plan")).decode()
    world.jobs._plans.pop(plan)  # a gateway that never compiled it
    assert [call.name for call in (await world.job(job_id)).calls] == ["reserve", "charge", "confirm"]


@pytest.mark.parametrize("end", [GOOD, BAD], ids=["succeeded", "failed"])
async def test_names_with_a_dash_and_values_of_any_kind_go_through(world: World, end: Any) -> None:
    parameters = '{"text":"é \\u0000 % %d {} : ,"}'.encode()
    await world.accepted("both", parameters=parameters, client="a:b c", tracestate="x=y,z=%")
    left, right = await world.take()
    assert (left.call, left.parameters, left.tracestate) == ("left-hand", parameters, "x=y,z=%")
    await world.lanes().finish(left, GOOD)
    await world.lanes().finish(right, end)
    assert await world.do() == ([] if end is GOOD else ["un-left"])
    assert await world.leftovers() == {}
