"""An operator pauses a service, resumes it, and says how its breaker stands: workers and admission see it at once."""

from dataclasses import replace

import pytest

from bff.broker.expiry import Expiry
from bff.broker.job import CallStatus, JobStatus, Mode, Source
from bff.broker.jobs import Accepted, Refusal
from bff.broker.lanes import Health, Supply
from bff.broker.requeue import Requeue
from bff.broker.standing import Pause, PausedBy, Standing
from bff.broker.steering import Steering
from bff.broker.survey import resting, survey
from bff.policies.breaker import PROBES, Forced, State
from tests.broker.world import BAD, GOOD, World

pytestmark = pytest.mark.anyio

ILL = replace(BAD, health=Health.ILL, milliseconds=0)


@pytest.fixture
async def steering(world: World) -> Steering:
    await world.cell.configure()
    return Steering(world.cell)


async def standing(world: World, service: str = "stock") -> Standing:
    return (await survey(world.cell))[service].standing


async def test_while_it_is_held_nothing_is_taken_and_all_of_it_once_it_is_resumed(
    world: World, steering: Steering
) -> None:
    for _ in range(3):
        await world.accepted("scarce")
    await steering.hold("stock")
    taken = await world.lanes("stock").take(3)
    assert (taken.entries, taken.supply, taken.again_ms) == ([], Supply.LIMITED, 1_000)
    assert await resting(world.cell, "stock")
    assert (await standing(world)).pause == Pause(PausedBy.OPERATOR, None)
    assert await steering.resume("stock")
    assert len(await world.take("stock")) == 3
    assert not await resting(world.cell, "stock")
    assert not await steering.resume("stock")


async def test_a_pause_with_an_end_ends_by_itself(world: World, steering: Steering) -> None:
    await steering.hold("stock", 1)
    assert isinstance(await world.submit("scarce"), Accepted), "it is over long before the deadline"
    assert await world.take("stock") == []
    pause = (await standing(world)).pause
    assert pause is not None
    assert pause.until_ms is not None
    await world.until_ms(pause.until_ms)
    assert len(await world.take("stock")) == 1
    assert (await standing(world)).pause is None


async def test_a_pause_that_lasts_for_hours_is_one(world: World, steering: Steering) -> None:
    """A service's own rest counts for an hour at most: clocks can be wrong. What an operator says, counts."""
    await steering.hold("stock", 7200)
    refused = await world.submit("scarce")
    assert (refused.reason, refused.service) == (Refusal.DEADLINE_UNATTAINABLE, "stock")
    assert 7_190_000 < refused.expected_ms <= 7_200_000
    assert await resting(world.cell, "stock")


async def test_without_an_end_what_needs_it_is_refused_and_what_can_do_without_is_not(
    world: World, steering: Steering
) -> None:
    await steering.hold("stock")
    refused = await world.submit("scarce")
    assert (refused.reason, refused.service, refused.retry_ms) == (Refusal.DOWNSTREAM_UNAVAILABLE, "stock", 60_000)
    answer = await world.submit("soft")
    statuses = {call.name: (call.status, call.source) for call in answer.job.calls}
    assert statuses == {
        "must": (CallStatus.QUEUED, None),
        "static": (CallStatus.FALLBACK, Source.STATIC),
        "cached": (CallStatus.SKIPPED, None),  # nobody takes it, so nobody would look into the cache
        "both": (CallStatus.FALLBACK, Source.STATIC),
    }


async def test_a_synchronous_job_is_refused_too_while_it_is_held_without_an_end_or_forced_open(
    world: World, steering: Steering
) -> None:
    await steering.hold("stock")
    assert (await world.submit("scarce", mode=Mode.SYNC)).reason is Refusal.DOWNSTREAM_UNAVAILABLE
    await steering.resume("stock")
    await steering.force("stock", Forced.OPEN)
    assert (await world.submit("scarce", mode=Mode.SYNC)).reason is Refusal.DOWNSTREAM_UNAVAILABLE
    await steering.force("stock", Forced.CLOSED)
    assert isinstance(await world.submit("scarce", mode=Mode.SYNC), Accepted)


async def test_what_waits_while_it_is_held_expires_in_time(world: World, steering: Steering) -> None:
    job_id = await world.accepted("scarce", timeout_ms=400)
    await steering.hold("stock")
    assert (await world.job(job_id)).expected_ms <= 400
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await Expiry(world.cell, lambda ended: None).run_once()
    assert (await world.job(job_id)).status is JobStatus.EXPIRED
    assert await world.leftovers() == {}


async def test_resuming_lifts_what_the_service_asked_for_too(world: World, steering: Steering) -> None:
    await world.accepted("scarce")
    await world.set("stock", paused_until=await world.now_ms() + 60_000)
    pause = (await standing(world)).pause
    assert pause is not None
    assert pause.by is PausedBy.SERVICE
    assert await steering.resume("stock")
    assert len(await world.take("stock")) == 1


async def test_a_breaker_that_is_forced_open_stays_so_and_is_probed_once_it_is_left_to_itself(
    world: World, steering: Steering
) -> None:
    for _ in range(5):
        await world.accepted("scarce")
    await world.set("stock", max_concurrency=9)
    [early] = await world.take("stock", 1)
    await steering.force("stock", Forced.OPEN)
    await world.lanes("stock").finish(early, GOOD)
    assert await world.take("stock") == []
    refused = await world.submit("scarce")
    assert (refused.reason, refused.retry_ms) == (Refusal.DOWNSTREAM_UNAVAILABLE, 60_000)
    state = (await survey(world.cell))["stock"]
    assert (state.breaker, state.standing.breaker.forced) == (State.OPEN, Forced.OPEN)
    assert await resting(world.cell, "stock")
    await steering.force("stock", None)
    assert (await survey(world.cell))["stock"].breaker is State.HALF_OPEN
    assert len(await world.take("stock")) == PROBES


async def test_a_breaker_that_is_forced_closed_stays_so_whatever_calls_come_to(
    world: World, steering: Steering
) -> None:
    await world.breaker(open_ms=60_000)
    await world.set("stock", breaker__minimum_calls=1)
    await steering.force("stock", Forced.CLOSED)
    for _ in range(3):
        await world.accepted("scarce")
        [entry] = await world.take("stock")
        await world.lanes("stock").finish(entry, ILL)
    assert (await survey(world.cell))["stock"].breaker is State.CLOSED
    assert not await resting(world.cell, "stock")
    await steering.force("stock", None)
    await world.accepted("scarce")
    [entry] = await world.take("stock")
    await world.lanes("stock").finish(entry, ILL)
    assert (await survey(world.cell))["stock"].breaker is State.OPEN


async def test_before_anything_was_laid_down_it_is_first(world: World) -> None:
    await Steering(world.cell).hold("stock")
    assert (await standing(world)).pause == Pause(PausedBy.OPERATOR, None)


async def test_what_waits_for_its_next_attempt_is_counted_by_service(world: World) -> None:
    job_id = await world.accepted("scarce")
    await world.accepted("scarce")
    for entry in await world.take("stock"):
        await world.lanes("stock").retry(entry, delay_ms=1, effect=False, error="timeout", http_status=None)
    assert (await standing(world)).parked == 2
    assert (await standing(world, "fast")).parked == 0
    await world.jobs.cancel(job_id, "public")
    await world.until_ms(await world.now_ms() + 2)
    await Requeue(world.cell).run_once()
    assert ((await standing(world)).parked, (await standing(world)).again) == (0, 1)
