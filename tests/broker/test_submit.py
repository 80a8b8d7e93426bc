"""What is accepted is laid down as a whole, what is refused leaves nothing."""

from typing import Any

import pytest

from bff.broker.job import CallStatus, JobStatus, Mode, pairs
from bff.broker.jobs import Accepted, Conflict, Done, Refusal, Refused, Replayed
from bff.catalog.model import Priority
from bff.policies.admission import Admission
from tests.broker.world import BAD, GOOD, SERVICES, World, a_catalog

pytestmark = pytest.mark.anyio


async def everything(world: World) -> dict[bytes, Any]:
    """All keys of the cell, and what is in them."""
    keys = sorted(await world.redis.execute("KEYS", f"{world.keys.prefix}:*"))
    return {key: await _all_of(world, key) for key in keys}


async def _all_of(world: World, key: bytes) -> Any:
    if await world.redis.execute("TYPE", key) != b"hash":
        return await world.redis.execute("DUMP", key)
    return pairs(await world.redis.execute("HGETALL", key))  # whose dump has no order


async def booked(world: World, service: str) -> dict[str, int]:
    fields = pairs(await world.redis.execute("HGETALL", world.keys.service(service)))
    return {str(priority): int(fields.get(f"booked.{priority}", b"0")) for priority in Priority}


async def test_a_job_is_laid_down_with_all_that_belongs_to_it(world: World) -> None:
    job_id = await world.accepted("crowded", parameters=b'{"a":1}', priority=Priority.HIGH, idempotency_key="k")
    job = await world.job(job_id)
    assert await world.jobs.parameters(job_id) == b'{"a":1}'
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


async def test_a_client_may_have_a_name_that_a_field_of_a_job_has(world: World) -> None:
    """A script says fields as name, value, name, value: no value is taken for a name."""
    job_id = await world.accepted(client="plan")
    await world.do()
    assert (await world.job(job_id)).client == "plan"


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


def turned_down(world: World, admission: Admission) -> World:
    """The same, where `stock`, with its ten places, has this admission."""
    return World(
        world.redis, a_catalog(SERVICES.replace("capacity = 10\n", f'capacity = 10\nadmission = "{admission}"\n'))
    )


async def test_by_capacity_a_lane_is_filled_to_its_last_place_whatever_is_predicted(world: World) -> None:
    world = turned_down(world, Admission.CAPACITY)
    await world.breaker(open_ms=5_000)
    for _ in range(10):
        await world.accepted("scarce", timeout_ms=120)
    refused = await world.submit("scarce")
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.QUEUE_FULL
    await world.accepted("scarce", priority=Priority.HIGH)


async def test_without_admission_nobody_is_turned_away_and_what_comes_too_late_expires(world: World) -> None:
    world = turned_down(world, Admission.NONE)
    jobs = [await world.accepted("scarce", timeout_ms=200) for _ in range(30)]
    assert await booked(world, "stock") == {"high": 0, "normal": 30, "low": 0}
    await world.until_ms(await world.now_ms() + 201)
    assert await world.take("stock") == []
    assert {(await world.job(job_id)).status for job_id in jobs} == {JobStatus.EXPIRED}
    assert await world.leftovers() == {}


async def test_a_synchronous_job_too_is_let_in_by_each_services_own_admission(world: World) -> None:
    for admission, answer in ((Admission.FULL, Refused), (Admission.CAPACITY, Accepted), (Admission.NONE, Accepted)):
        own = turned_down(world, admission)
        await own.breaker(open_ms=5_000)
        assert isinstance(await own.submit("scarce", mode=Mode.SYNC), answer)


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
    world.jobs._plans.pop(world.catalog.plans["order"].id)  # a gateway that never compiled it
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
