"""Calls of synchronous jobs: made by a gateway, within the same bounds as those of workers, and in no lane."""

import asyncio
from dataclasses import replace

import pytest

from bff.broker.job import CallStatus, JobStatus, Mode
from bff.broker.jobs import Refusal, Refused
from bff.broker.lanes import Entry, Health, Noted
from bff.broker.synchronous import Beginning, begin
from tests.broker.world import BAD, GOOD, SERVICES, World, a_catalog

pytestmark = pytest.mark.anyio


async def begun(world: World, job_id: str, call: str = "only") -> Entry:
    found = await begin(world.cell, job_id, call)
    assert found.entry is not None, found
    return found.entry


async def finish(world: World, entry: Entry, service: str = "fast", end: object = GOOD) -> Noted:
    noted, _ = await world.lanes(service).finish(entry, end)  # type: ignore[arg-type]
    return noted


async def test_a_job_goes_its_way_without_a_lane_and_without_a_place(world: World) -> None:
    job_id = await world.accepted("order", mode=Mode.SYNC)
    for call in ("reserve", "charge", "confirm"):
        assert await world.take() == []
        assert await world.booked() == 0
        entry = await begun(world, job_id, call)
        assert (entry.job_id, entry.call, entry.attempt, entry.mode) == (job_id, call, 1, Mode.SYNC)
        assert await finish(world, entry) is Noted.DONE
    job = await world.job(job_id)
    assert (job.status, job.mode, set(job.outcomes)) == (
        JobStatus.SUCCEEDED,
        Mode.SYNC,
        {"reserve", "charge", "confirm"},
    )
    assert await world.leftovers() == {}


async def test_a_call_is_begun_once_and_only_when_it_is_its_turn(world: World) -> None:
    job_id = await world.accepted("order", mode=Mode.SYNC)
    assert (await begin(world.cell, job_id, "charge")).beginning is Beginning.OVER
    await begun(world, job_id, "reserve")
    assert (await begin(world.cell, job_id, "reserve")).beginning is Beginning.OVER
    assert (await begin(world.cell, await world.accepted(), "only")).beginning is Beginning.OVER  # an asynchronous job


async def test_it_says_how_long_it_waited_and_how_it_stands(world: World) -> None:
    job_id = await world.accepted(mode=Mode.SYNC)
    queued = await world.job(job_id)
    assert (queued.status, queued.position) == (JobStatus.QUEUED, -1)
    await world.until_ms(await world.now_ms() + 20)
    assert (await begun(world, job_id)).queued_ms >= 20
    assert (await world.job(job_id)).status is JobStatus.RUNNING


async def test_synchronous_calls_fill_no_more_than_their_share_of_the_slots(world: World) -> None:
    """Three slots, half of them and at least one for synchronous calls."""
    first, second = [await world.accepted("scarce", mode=Mode.SYNC) for _ in range(2)]
    entry = await begun(world, first)
    limited = await begin(world.cell, second, "only")
    assert limited.beginning is Beginning.LIMITED
    assert limited.again_ms > 0
    await finish(world, entry, "stock")
    await begun(world, second)


async def test_workers_and_gateways_together_fill_no_more_than_all_slots(world: World) -> None:
    held = await begun(world, await world.accepted("scarce", mode=Mode.SYNC))
    assert held.id.startswith("0-"), "no entry of a lane has such an id, that would be let go of with it"
    for _ in range(3):
        await world.accepted("scarce")
    taken = await world.take("stock")
    assert len(taken) == 2
    waiting = await world.accepted("scarce", mode=Mode.SYNC)
    await finish(world, held, "stock")
    assert len(await world.take("stock")) == 1
    assert (await begin(world.cell, waiting, "only")).beginning is Beginning.LIMITED
    await finish(world, taken[0], "stock")
    await begun(world, waiting)


async def test_the_end_of_a_synchronous_call_lets_go_of_no_entry_of_a_lane(world: World) -> None:
    """Their ids would be alike where both began in the same millisecond, as the first of their kind: most do here."""
    for _ in range(20):
        await world.set("fast", sync_calls=0)
        held, *jobs = await asyncio.gather(world.accepted(mode=Mode.SYNC), *(world.accepted() for _ in range(3)))
        beginning = asyncio.create_task(begun(world, held))
        await asyncio.gather(*(world.accepted() for _ in range(3)))
        entry = await beginning
        taken = await world.take()
        await finish(world, entry)
        pending = await world.redis.execute("XPENDING", world.keys.lanes("fast")[1], "workers")
        assert pending[0] == len(taken) == len(jobs) + 3
        for each in taken:
            await finish(world, each)
    assert await world.leftovers() == {}


async def test_they_keep_to_the_rate_of_the_service(world: World) -> None:
    """One a minute here, so that none is due meanwhile."""
    await world.set("paced", interval_us=60_000_000)
    first, second = [await world.accepted("steady", mode=Mode.SYNC) for _ in range(2)]
    await begun(world, first)
    assert (await begin(world.cell, second, "only")).beginning is Beginning.LIMITED


async def test_a_retry_waits_for_its_time_and_is_then_begun_again(world: World) -> None:
    job_id = await world.accepted(mode=Mode.SYNC)
    entry = await begun(world, job_id)
    noted = await world.lanes().retry(entry, delay_ms=50, effect=False, error="timeout", http_status=None)
    assert noted is Noted.PARKED
    early = await begin(world.cell, job_id, "only")
    assert early.beginning is Beginning.EARLY
    assert 0 < early.again_ms <= 50
    await world.until_ms(await world.now_ms() + early.again_ms)
    again = await begun(world, job_id)
    assert (again.attempt, again.id != entry.id) == (2, True)
    assert await finish(world, entry) is Noted.STALE
    assert await finish(world, again) is Noted.DONE
    assert await world.leftovers() == {}


async def test_what_comes_too_late_is_expired_instead_of_begun(world: World) -> None:
    job_id = await world.accepted(mode=Mode.SYNC, timeout_ms=150)
    await world.until_ms((await world.job(job_id)).submitted_ms + 60)
    found = await begin(world.cell, job_id, "only")
    assert (found.beginning, [ended.status for ended in found.ended]) == (Beginning.OVER, [JobStatus.EXPIRED])
    assert await world.leftovers() == {}


async def test_a_service_that_rests_is_left_alone(world: World) -> None:
    job_id = await world.accepted("scarce", mode=Mode.SYNC)
    await world.set("stock", paused_until=await world.now_ms() + 400)
    limited = await begin(world.cell, job_id, "only")
    assert limited.beginning is Beginning.LIMITED
    assert 200 < limited.again_ms <= 400


async def test_with_an_open_breaker_a_job_is_refused_and_one_under_way_falls_back(world: World) -> None:
    under_way = await world.accepted("soft", mode=Mode.SYNC)
    await world.breaker(open_ms=10_000)
    refused = await world.submit("scarce", mode=Mode.SYNC)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.service) == (Refusal.DOWNSTREAM_UNAVAILABLE, "stock")
    assert (await begun(world, under_way, "static")).barred


async def test_a_full_queue_turns_no_synchronous_job_away(world: World) -> None:
    for _ in range(9):
        await world.accepted("scarce")
    assert isinstance(await world.submit("scarce"), Refused)
    await world.accepted("scarce", mode=Mode.SYNC)


async def test_a_call_that_ends_badly_is_undone_by_workers(world: World) -> None:
    job_id = await world.accepted("order", mode=Mode.SYNC)
    await finish(world, await begun(world, job_id, "reserve"))
    await finish(world, await begun(world, job_id, "charge"), end=BAD)
    assert (await world.job(job_id)).status is JobStatus.FAILED
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_what_its_gateway_never_told_of_fails_and_is_undone(world: World) -> None:
    """Once the call is over for certain: after its timeout and a second."""
    job_id = await world.accepted("order", mode=Mode.SYNC)
    entry = await begun(world, job_id, "reserve")
    assert await world.lanes().reclaim() == (0, [])
    await world.redis.execute("ZADD", world.keys.sync("fast"), "XX", 0, f"{job_id}:reserve")  # as if it had passed
    count, [ended] = await world.lanes().reclaim()
    assert (count, ended.job_id, ended.status) == (1, job_id, JobStatus.FAILED)
    [call] = [call for call in (await world.job(job_id)).calls if call.name == "reserve"]
    assert (call.status, call.error) == (CallStatus.FAILED, "worker-lost")
    assert await finish(world, entry) is Noted.STALE
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_one_that_is_cancelled_in_flight_gives_its_slot_back_when_that_is_told(world: World) -> None:
    job_id = await world.accepted("order", mode=Mode.SYNC)
    entry = await begun(world, job_id, "reserve")
    await world.jobs.cancel(job_id, "public")
    assert await finish(world, entry) is Noted.LATE
    assert await world.do() == ["release"]
    assert await world.leftovers() == {}


async def test_they_count_for_the_breaker_like_all_others(world: World) -> None:
    await world.set("stock", breaker__minimum_calls=1)
    entry = await begun(world, await world.accepted("scarce", mode=Mode.SYNC))
    await finish(world, entry, "stock", replace(BAD, health=Health.ILL))
    assert isinstance(await world.submit("scarce"), Refused)


async def test_the_share_is_that_of_the_services_file(world: World) -> None:
    whole = World(
        world.redis, a_catalog(SERVICES.replace("max_concurrency = 3", "max_concurrency = 3\nsync_share = 1.0"))
    )
    for _ in range(3):
        await begun(whole, await whole.accepted("scarce", mode=Mode.SYNC))
    assert (await begin(whole.cell, await whole.accepted("scarce", mode=Mode.SYNC), "only")).entry is None
