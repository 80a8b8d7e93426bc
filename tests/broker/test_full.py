"""Redis at its memory limit: nothing new is taken in, and all that was accepted comes to its end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bff.broker.dead_letters import DeadLetters
from bff.broker.errors import BrokerUnavailable
from bff.broker.expiry import Expiry
from bff.broker.health import takes_writes
from bff.broker.job import Ended, JobStatus, Mode
from bff.broker.jobs import Cancellation
from bff.broker.lanes import Noted, Supply
from bff.broker.pipeline import Pipeline
from bff.broker.requeue import Requeue
from bff.broker.rollout import Rollout
from bff.broker.steering import Steering
from bff.broker.survey import survey
from bff.broker.synchronous import begin
from bff.broker.workers import beat, workers
from bff.policies.breaker import Forced
from tests.broker.world import BAD, GOOD, HOOK, MAIL, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(own_pipeline: Pipeline) -> AsyncIterator[World]:
    world = World(own_pipeline)
    await world.cell.configure()
    yield world
    await own_pipeline.execute("CONFIG", "SET", "maxmemory", 0)
    assert await world.leftovers() == {}


async def fill(world: World) -> None:
    await world.redis.execute("CONFIG", "SET", "maxmemory", 1)


async def test_a_new_job_is_refused_and_nothing_of_it_is_kept(world: World) -> None:
    before = set(await world.redis.execute("KEYS", "*"))
    await fill(world)
    with pytest.raises(BrokerUnavailable, match="OOM"):
        await world.submit("order", idempotency_key="k")
    assert set(await world.redis.execute("KEYS", "*")) == before


async def test_it_is_known_that_nothing_can_be_written_and_no_key_is_made_to_find_out(world: World) -> None:
    before = set(await world.redis.execute("KEYS", "*"))
    assert await takes_writes(world.cell)
    await fill(world)
    assert not await takes_writes(world.cell)
    assert set(await world.redis.execute("KEYS", "*")) == before


async def test_a_redis_that_lacks_a_replica_that_it_has_to_have_takes_no_writes(world: World) -> None:
    await world.redis.execute("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        assert not await takes_writes(world.cell)
    finally:
        await world.redis.execute("CONFIG", "SET", "min-replicas-to-write", 0)


async def test_a_job_runs_through_its_whole_graph(world: World) -> None:
    job_id = await world.accepted("order")
    await fill(world)
    assert [await world.do() for _ in range(3)] == [["reserve"], ["charge"], ["confirm"]]
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED


async def test_a_synchronous_job_runs_through_its_whole_graph(world: World) -> None:
    job_id = await world.accepted("order", mode=Mode.SYNC)
    await fill(world)
    for call in ("reserve", "charge", "confirm"):
        entry = (await begin(world.cell, job_id, call)).entry
        assert entry is not None
        assert (await world.lanes().finish(entry, GOOD))[0] is Noted.DONE
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED


async def test_a_failed_job_is_undone(world: World) -> None:
    job_id = await world.accepted("order")
    await fill(world)
    await world.do()
    await world.do(BAD)
    assert await world.do() == ["release"]
    assert (await world.job(job_id)).status is JobStatus.FAILED


async def test_an_idle_consumer_finds_nothing_instead_of_an_error(world: World) -> None:
    await fill(world)
    assert (await world.lanes().take(1)).supply is Supply.IDLE


async def test_a_job_can_be_cancelled(world: World) -> None:
    job_id = await world.accepted()
    await fill(world)
    assert (await world.jobs.cancel(job_id, "public"))[0] is Cancellation.CANCELLED
    assert await world.take() == []


async def test_an_operator_can_steer(world: World) -> None:
    await fill(world)
    steering = Steering(world.cell)
    await steering.hold("fast")
    await steering.force("fast", Forced.OPEN)
    await steering.force("fast", Forced.CLOSED)
    assert (await survey(world.cell))["fast"].standing.breaker.forced is Forced.CLOSED
    await steering.force("fast", None)
    assert await steering.resume("fast")
    rollout = Rollout(world.cell)
    await rollout.set("one", 25)
    assert rollout.percentages["one"] == 25
    await rollout.reset("one")


async def test_a_job_is_expired(world: World) -> None:
    told: list[Ended] = []
    job_id = await world.accepted("order", timeout_ms=300)
    await fill(world)
    while not told:
        await Expiry(world.cell, told.extend).run_once()
        await asyncio.sleep(0.01)
    assert [(ended.job_id, ended.status) for ended in told] == [(job_id, JobStatus.EXPIRED)]
    await Expiry(world.cell, told.extend).run_once()


async def test_a_call_is_parked_and_comes_back_and_its_service_rests(world: World) -> None:
    await world.accepted()
    [entry] = await world.take()
    await fill(world)
    parked = world.lanes().retry(entry, delay_ms=1, effect=False, error="", http_status=429, pause_ms=50)
    assert await parked is Noted.PARKED
    while not (entries := await world.take()):
        await Requeue(world.cell).run_once()
        await asyncio.sleep(0.005)
    await world.lanes().finish(entries[0], GOOD)


async def test_what_a_dead_worker_held_is_queued_again(world: World) -> None:
    await world.accepted("scarce")
    await world.take("stock")
    await fill(world)
    while not (await world.lanes("stock").reclaim())[0]:
        await asyncio.sleep(0.05)
    assert await world.do(service="stock") == ["only"]


async def test_a_worker_is_still_heard_of(world: World) -> None:
    await fill(world)
    await beat(world.cell, "w1", up_ms=0, draining=False, services={})
    assert [worker.name for worker in await workers(world.cell)] == ["w1"]


async def test_whoever_is_to_be_told_is_told_and_what_is_fetched_is_noted(world: World) -> None:
    job_id, other = await world.accepted(notify=HOOK), await world.accepted(notify=MAIL)
    third = await world.accepted(notify=HOOK)
    await fill(world)
    await world.do()
    await world.jobs.claim(other)
    turns = {turn.job_id: turn for turn in await world.handed()}
    assert turns.keys() == {job_id, third}
    assert await world.outbox.begin(turns[job_id])
    await world.outbox.again(turns[job_id], 0)
    [again] = await world.handed()
    for turn in (again, turns[third]):
        await world.outbox.begin(turn)
        await world.outbox.delivered(turn)


async def test_an_operator_can_have_what_was_given_up_tried_again(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    await world.do()
    await world.do(BAD)
    await world.do(BAD)
    await world.do()
    dead = DeadLetters(world.cell)
    [letter] = [letter async for letter in dead.all()]
    await fill(world)
    assert await dead.replay(letter) == job_id
    assert await world.do() == ["refund"]
