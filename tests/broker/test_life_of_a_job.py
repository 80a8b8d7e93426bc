"""A job from submit to its end, by the scripts on a real Redis."""

import asyncio
from dataclasses import replace

import pytest

from bff.broker.background import background
from bff.broker.duty import repeat
from bff.broker.errors import BrokerUnavailable
from bff.broker.expiry import Expiry
from bff.broker.job import CallStatus, Ended, JobStatus
from bff.broker.job_id import cell_of, is_job_id, made_at_ms, new_job_id
from bff.broker.jobs import Cancellation, Conflict, Done, Refusal, Refused, Replayed
from bff.broker.lanes import Noted, Supply
from bff.broker.pipeline import Pipeline
from bff.broker.requeue import Requeue
from bff.catalog.model import Priority
from tests.broker.world import BAD, GOOD, SERVICES, World, a_catalog

pytestmark = pytest.mark.anyio


async def reclaimed(world: World, service: str) -> int:
    """Wait until entries that nobody finishes have been idle for long enough."""
    while not (count := (await world.lanes(service).reclaim())[0]):
        await asyncio.sleep(0.05)
    return count


async def test_a_job_runs_through_its_graph_and_leaves_nothing_behind(world: World) -> None:
    job_id = await world.accepted("order")
    assert await world.booked() == 3
    assert await world.statuses(job_id) == {"reserve": "queued", "charge": "waiting", "confirm": "waiting"}
    assert await world.do() == ["reserve"]
    assert await world.do() == ["charge"]
    assert (await world.job(job_id)).status is JobStatus.RUNNING
    assert await world.do() == ["confirm"]
    job = await world.job(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert job.outcomes == dict.fromkeys(["reserve", "charge", "confirm"], b'{"ok":true}')
    assert job.expires_ms is not None
    assert job.finished_ms is not None
    assert job.expires_ms - job.finished_ms == 86_400_000
    assert await world.leftovers() == {}


async def test_what_was_accepted_reads_as_it_was_answered(world: World) -> None:
    answer = await world.submit("order")
    read = await world.job(answer.job.id)
    assert replace(read, now_ms=0, expected_ms=0) == replace(answer.job, now_ms=0, expected_ms=0)


async def test_the_same_key_and_body_give_the_same_job_and_another_body_a_conflict(world: World) -> None:
    job_id = await world.accepted(idempotency_key="k")
    assert await world.submit(idempotency_key="k") == Replayed(job_id)
    assert await world.submit(idempotency_key="k", parameters=b'{"a":1}') == Conflict(job_id)
    assert isinstance(await world.submit(idempotency_key="k", client="other"), type(await world.submit()))


async def test_fifty_at_once_with_one_key_are_one_job(world: World) -> None:
    answers = await asyncio.gather(*(world.submit(idempotency_key="k") for _ in range(50)))
    assert sum(isinstance(answer, Replayed) for answer in answers) == 49
    assert len(await world.take()) == 1


async def test_a_required_call_that_fails_ends_the_job_and_undoes_what_was_done_last_first(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    await world.do()
    assert await world.do(BAD) == ["confirm"]
    assert (await world.job(job_id)).status is JobStatus.FAILED
    assert await world.do() == ["refund"]
    assert await world.do() == ["release"]
    job = await world.job(job_id)
    assert (job.blame, [call.name for call in job.calls if call.undoes]) == ("confirm", ["refund", "release"])
    assert await world.leftovers() == {}


async def test_an_optional_call_that_fails_leaves_the_job_partial(world: World) -> None:
    job_id = await world.accepted("screen")
    for entry in await world.take():
        await world.lanes().finish(entry, GOOD if entry.call == "must" else BAD)
    job = await world.job(job_id)
    assert (job.status, job.partial) == (JobStatus.SUCCEEDED, True)
    assert await world.statuses(job_id) == {"must": "succeeded", "nice": "failed", "more": "skipped"}
    assert await world.leftovers() == {}


async def test_an_end_that_was_told_twice_counts_once(world: World) -> None:
    job_id = await world.accepted()
    [entry] = await world.take()
    assert (await world.lanes().finish(entry, GOOD))[0] is Noted.DONE
    assert (await world.lanes().finish(entry, BAD))[0] is Noted.STALE
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED


async def test_an_entry_of_a_dead_worker_is_reclaimed_and_its_late_end_is_stale(world: World) -> None:
    job_id = await world.accepted("scarce")
    [lost] = await world.take("stock")
    assert await reclaimed(world, "stock") == 1
    assert await world.booked("stock") == 1
    [again] = await world.take("stock")
    assert (again.attempt, again.effect) == (2, True)
    assert (await world.lanes("stock").finish(lost, BAD))[0] is Noted.STALE
    assert (await world.lanes("stock").finish(again, GOOD))[0] is Noted.DONE
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert await world.leftovers() == {}


async def test_a_cancelled_job_is_undone_once_nothing_of_it_is_in_flight(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    [charge] = await world.take()
    assert (await world.jobs.cancel(job_id, "other"))[0] is Cancellation.UNKNOWN
    assert (await world.jobs.cancel(job_id, "public"))[0] is Cancellation.IN_FLIGHT
    assert (await world.jobs.cancel(job_id, "public"))[0] is Cancellation.ALREADY
    assert await world.take() == []
    assert (await world.lanes().finish(charge, GOOD))[0] is Noted.LATE
    assert await world.do() == ["refund"]
    assert await world.do() == ["release"]
    assert (await world.job(job_id)).outcomes.keys() == {"reserve"}
    assert await world.leftovers() == {}


async def test_a_cancelled_entry_is_dropped_when_it_is_taken_not_deleted_unread(world: World) -> None:
    job_id = await world.accepted()
    assert (await world.jobs.cancel(job_id, "public"))[0] is Cancellation.CANCELLED
    assert await world.booked() == 0
    assert await world.redis.execute("XLEN", world.keys.lane("fast", Priority.NORMAL)) == 1
    assert await world.take() == []
    assert await world.leftovers() == {}


async def test_a_job_past_its_deadline_is_expired_with_no_worker_alive(world: World) -> None:
    told: list[Ended] = []
    expiry = Expiry(world.cell, told.extend)
    job_id = await world.accepted(timeout_ms=200)
    while not told:
        await expiry.run_once()
        await asyncio.sleep(0.01)
    assert [(ended.job_id, ended.status) for ended in told] == [(job_id, JobStatus.EXPIRED)]
    assert (await world.job(job_id)).started_ms is None
    await expiry.run_once()
    assert await world.leftovers() == {}


async def test_an_entry_past_its_start_by_is_expired_when_taken_and_never_handed_out(world: World) -> None:
    job_id = await world.accepted(timeout_ms=150)
    last = (await world.job(job_id)).deadline_ms - 100
    while (await world.job(job_id)).now_ms <= last:
        await asyncio.sleep(0.01)
    taken = await world.lanes().take(10)
    assert taken.entries == []
    assert [ended.status for ended in taken.ended] == [JobStatus.EXPIRED]
    assert await world.leftovers() == {}


async def test_a_job_whose_required_calls_are_done_at_its_deadline_is_partial(world: World) -> None:
    told: list[Ended] = []
    job_id = await world.accepted("screen", timeout_ms=300)
    entries = await world.take()
    await world.lanes().finish(next(entry for entry in entries if entry.call == "must"), GOOD)
    while not told:
        await Expiry(world.cell, told.extend).run_once()
        await asyncio.sleep(0.01)
    assert (await world.job(job_id)).partial
    assert await world.statuses(job_id) == {"must": "succeeded", "nice": "expired", "more": "expired"}


async def test_a_parked_call_comes_back_when_it_is_due_and_keeps_its_place_meanwhile(world: World) -> None:
    await world.accepted()
    [entry] = await world.take()
    lanes = world.lanes()
    assert await lanes.retry(entry, delay_ms=50, effect=True, error="timeout", http_status=None) is Noted.PARKED
    assert await world.booked() == 1
    assert await world.take() == []
    while not (again := await world.take()):
        await Requeue(world.cell).run_once()
        await asyncio.sleep(0.01)
    assert (again[0].attempt, again[0].effect) == (2, True)
    await lanes.finish(again[0], GOOD)
    assert await world.leftovers() == {}


async def test_a_retry_that_could_not_start_in_time_is_refused(world: World) -> None:
    await world.accepted(timeout_ms=5_000)
    [entry] = await world.take()
    noted = await world.lanes().retry(entry, delay_ms=5_000, effect=False, error="timeout", http_status=None)
    assert noted is Noted.TOO_LATE
    await world.lanes().finish(entry, BAD)
    assert await world.leftovers() == {}


async def test_a_service_that_asked_for_rest_is_not_called_by_anybody(world: World) -> None:
    for _ in range(2):
        await world.accepted()
    first, second = await world.take(wanted=1), world.lanes(consumer="w2")
    await world.lanes().retry(first[0], delay_ms=1, effect=False, error="http-status", http_status=429, pause_ms=5_000)
    taken = await second.take(10)
    assert (taken.entries, taken.supply) == ([], Supply.LIMITED)
    assert taken.again_ms == 1_000


async def test_all_workers_together_never_hold_more_than_the_slots(world: World) -> None:
    for _ in range(6):
        await world.accepted("scarce")
    takes = await asyncio.gather(*(world.lanes("stock", f"w{n}").take(2) for n in range(4)))
    assert sum(len(taken.entries) for taken in takes) == 3
    assert takes[-1].supply is Supply.FULL
    assert takes[-1].again_ms > 0


async def test_calls_are_paced_by_the_rate(world: World) -> None:
    for _ in range(40):
        await world.accepted("steady", timeout_ms=600_000)
    loop = asyncio.get_running_loop()
    started, count = loop.time(), 0
    while count < 40:
        taken = await world.lanes("paced").take(100)
        count += len(taken.entries)
        seconds = loop.time() - started
        assert count <= 100 * seconds + 3  # the rate, a burst of 20 ms, and the first
        await asyncio.sleep(taken.again_ms / 1000)


async def test_lanes_are_served_by_weight_and_none_is_starved(world: World) -> None:
    for priority in Priority:
        for _ in range(24):
            await world.accepted(priority=priority)
    taken = await world.take(wanted=24)
    counts = {priority: sum(entry.priority is priority for entry in taken) for priority in Priority}
    assert counts == {Priority.HIGH: 16, Priority.NORMAL: 6, Priority.LOW: 2}


async def test_a_lane_fills_up_to_its_own_share(world: World) -> None:
    await world.cell.configure()
    for _ in range(3):
        await world.accepted("scarce", priority=Priority.LOW)
    refused = await world.submit("scarce", priority=Priority.LOW, idempotency_key="k")
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.service) == (Refusal.QUEUE_FULL, "stock")
    await world.accepted("scarce")
    assert not await world.redis.execute("KEYS", f"{world.keys.prefix}*idempotency*")


async def test_normal_is_shed_before_high(world: World) -> None:
    for _ in range(9):
        await world.accepted("scarce", priority=Priority.HIGH)
    refused = await world.submit("scarce")
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.SHEDDING
    await world.accepted("scarce", priority=Priority.HIGH)


async def test_what_cannot_be_done_in_time_is_refused_at_the_door(world: World) -> None:
    refused = await world.submit(timeout_ms=50)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.DEADLINE_UNATTAINABLE


async def test_an_optional_call_without_a_place_is_skipped(world: World) -> None:
    for _ in range(9):
        await world.accepted("scarce")
    answer = await world.submit("crowded")
    assert {call.name: call.status for call in answer.job.calls} == {
        "must": CallStatus.QUEUED,
        "nice": CallStatus.SKIPPED,
    }
    await world.do()
    assert (await world.job(answer.job.id)).partial


async def test_a_call_that_was_made_inline_is_done_when_the_job_is_accepted(world: World) -> None:
    done = Done("reserve", 12, 200, b'{"id":7}')
    answer = await world.submit("order", done=[done])
    assert replace(answer.job, now_ms=0, expected_ms=0) == replace(
        await world.job(answer.job.id), now_ms=0, expected_ms=0
    )
    assert answer.job.outcomes == {"reserve": b'{"id":7}'}
    assert await world.booked() == 2
    assert await world.do() == ["charge"]


async def test_after_a_flush_everything_is_laid_down_again(world: World, own_pipeline: Pipeline) -> None:
    flushed = World(own_pipeline)
    await flushed.accepted()
    await own_pipeline.execute("FLUSHALL")
    assert (await flushed.lanes().take(1)).supply is Supply.IDLE
    await flushed.accepted()
    assert len(await flushed.take()) == 1


async def test_accepted_work_finishes_when_redis_is_full(own_pipeline: Pipeline) -> None:
    world = World(own_pipeline)
    job_id = await world.accepted()
    [entry] = await world.take()
    await own_pipeline.execute("CONFIG", "SET", "maxmemory", "1")
    assert (await world.lanes().finish(entry, GOOD))[0] is Noted.DONE
    await own_pipeline.execute("CONFIG", "SET", "maxmemory", "0")
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert await world.leftovers() == {}


async def test_a_version_rises_with_every_change(world: World) -> None:
    job_id = await world.accepted("order")
    versions = [(await world.job(job_id)).version]
    for _ in range(3):
        [entry] = await world.take()
        versions.append((await world.job(job_id)).version)
        await world.lanes().finish(entry, GOOD)
        versions.append((await world.job(job_id)).version)
    assert versions == sorted(set(versions))


def test_an_id_says_when_and_in_which_cell_it_was_made() -> None:
    job_id = new_job_id(5, now_ms=1_795_000_000_123)
    assert is_job_id(job_id)
    assert (cell_of(job_id), made_at_ms(job_id)) == (5, 1_795_000_000_123)
    assert not is_job_id(job_id.upper())


async def test_a_lane_that_lost_its_group_gets_it_back(own_pipeline: Pipeline) -> None:
    world = World(own_pipeline)
    await world.cell.configure()
    lane = world.keys.lane("fast", Priority.NORMAL)
    await own_pipeline.execute("XGROUP", "DESTROY", lane, "workers")
    await world.cell.configure()
    await world.accepted()
    assert len(await world.take()) == 1


async def test_a_bound_that_was_taken_out_of_the_catalog_no_longer_holds(pipeline: Pipeline) -> None:
    hurried = SERVICES.replace("capacity = 10_000", "capacity = 10_000\nmax_wait_seconds = 1")
    bounded = World(pipeline, a_catalog(hurried))
    await bounded.cell.configure()
    await World(pipeline, keys=bounded.keys).cell.configure()
    assert await pipeline.execute("HGET", bounded.keys.service("fast"), "max_wait_ms.normal") == b"0"


async def test_a_duty_that_went_wrong_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    worked = asyncio.Event()
    failures = [ValueError("once"), BrokerUnavailable("twice")]

    async def run_once() -> None:
        if failures:
            raise failures.pop(0)
        worked.set()

    async with background(duty=repeat("try", run_once, 0.001)):
        await worked.wait()
    assert "duty try went wrong" in caplog.text
