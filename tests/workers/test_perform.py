import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import CallState, CallStatus, JobStatus, Source
from bff.broker.jobs import Cancellation
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script
from bff.calls import perform
from bff.downstream.outcome import Outcome, Reason
from tests.workers.world import (
    PUSH_BACK,
    REFUSAL,
    SUCCESS,
    UNKNOWN,
    UNREACHED,
    Scripted,
    World,
    a_call,
    an_operation,
)

pytestmark = pytest.mark.anyio


async def call_of(world: World, job_id: str, name: str = "work") -> CallState:
    return next(call for call in (await world.job(job_id)).calls if call.name == name)


async def test_a_success_ends_its_call_and_its_job(world: World) -> None:
    job_id = await world.submit()
    await world.performed(Scripted(SUCCESS))
    job = await world.job(job_id)
    assert (job.status, job.outcomes) == (JobStatus.SUCCEEDED, {"work": b'{"ok":true}'})
    call = job.calls[0]
    assert (call.status, call.source, call.attempts, call.http_status) == (CallStatus.SUCCEEDED, Source.LIVE, 1, 200)


async def test_the_call_carries_its_key_its_time_and_its_trace(world: World) -> None:
    job_id = await world.submit(traceparent="00-aa-bb-01", tracestate="k=v", timeout_ms=5000)
    downstream = Scripted(SUCCESS)
    await world.performed(downstream)
    [asked] = downstream.asked
    assert asked["key"] == f"{job_id}:work"
    assert 0 < asked["timeout_seconds"] <= 5
    assert asked["trace"] == ("00-aa-bb-01", "k=v")


async def test_a_job_without_a_trace_gets_one_of_its_own(world: World) -> None:
    job_id = await world.submit()
    downstream = Scripted(SUCCESS)
    await world.performed(downstream)
    digits = job_id.replace("-", "")
    assert downstream.asked[0]["trace"] == (f"00-{digits}-{digits[16:]}-01", "")


async def test_a_later_call_is_built_from_the_outcomes_before_it(world: World) -> None:
    await world.submit("two-steps")
    downstream = Scripted(SUCCESS)
    await world.performed(downstream)
    await world.performed(downstream)
    assert downstream.requests[1].body == {"n": 1, "before": {"first": {"ok": True}}}


async def test_a_refusal_fails_the_job_at_once(world: World) -> None:
    job_id = await world.submit()
    await world.performed(Scripted(REFUSAL))
    call = await call_of(world, job_id)
    assert (call.status, call.error, call.http_status) == (CallStatus.FAILED, Reason.HTTP_STATUS, 400)
    assert (await world.job(job_id)).status is JobStatus.FAILED


@pytest.mark.parametrize("outcome", [UNREACHED, UNKNOWN, replace(PUSH_BACK, retry_after_ms=None)])
async def test_a_failure_that_may_pass_is_parked_and_made_again(world: World, outcome: Outcome) -> None:
    job_id = await world.submit()
    downstream = Scripted(outcome, SUCCESS)
    await world.performed(downstream)
    assert (world.parked(), world.pending()) == (1, 0)
    await world.performed(downstream)
    job = await world.job(job_id)
    assert (job.status, job.calls[0].attempts) == (JobStatus.SUCCEEDED, 2)
    assert len({asked["key"] for asked in downstream.asked}) == 1


async def test_attempts_run_out(world: World) -> None:
    job_id = await world.submit()
    for _ in range(3):
        await world.performed(Scripted(UNREACHED))
    call = await call_of(world, job_id)
    assert (call.status, call.attempts, call.error) == (CallStatus.FAILED, 3, Reason.CONNECTION_FAILED)
    assert (world.parked(), world.pending()) == (0, 0)


async def test_a_service_that_pushes_back_rests_for_everybody(world: World) -> None:
    await world.submit()
    other = await world.submit()
    await world.performed(Scripted(PUSH_BACK))
    taken = await world.performer(Scripted()).lanes.take(1)
    assert not taken.entries
    assert 0 < taken.again_ms <= 300
    assert (await world.job(other)).status is JobStatus.QUEUED


async def test_a_retry_that_would_come_too_late_is_not_parked(world: World) -> None:
    job_id = await world.submit(timeout_ms=2000)
    await world.performed(Scripted(replace(PUSH_BACK, retry_after_ms=60_000)))
    assert (await world.job(job_id)).status is JobStatus.FAILED
    assert world.parked() == 0


async def test_static_data_stands_in_for_a_call_that_failed(world: World) -> None:
    job_id = await world.submit("static")
    await world.performed(Scripted(REFUSAL))
    job = await world.job(job_id)
    assert (job.status, job.degraded) == (JobStatus.SUCCEEDED, True)
    assert (job.calls[0].source, job.outcomes) == (Source.STATIC, {"work": b'{"items":[]}'})


async def test_the_last_good_answer_to_the_same_request_stands_in_first(world: World) -> None:
    await world.submit("cached")
    await world.performed(Scripted(SUCCESS))
    job_id = await world.submit("cached")
    await world.performed(Scripted(REFUSAL))
    job = await world.job(job_id)
    assert (job.calls[0].source, job.outcomes) == (Source.CACHE, {"work": b'{"ok":true}'})
    assert job.calls[0].age_ms is not None
    assert 0 <= job.calls[0].age_ms < 60_000


async def test_the_answer_to_another_request_does_not_stand_in(world: World) -> None:
    await world.submit("cached")
    await world.performed(Scripted(SUCCESS))
    job_id = await world.submit("cached", parameters=b'{"n": 2}')
    await world.performed(Scripted(REFUSAL))
    assert (await call_of(world, job_id)).source is Source.STATIC


async def test_after_a_crash_a_call_is_made_again(world: World) -> None:
    job_id = await world.submit()
    await world.crash(await world.taken())
    entry = await world.performed(Scripted(SUCCESS))
    assert (entry.attempt, entry.effect) == (2, True)
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED


async def test_after_a_crash_a_call_that_could_do_harm_is_not_made_again(world: World) -> None:
    job_id = await world.submit("once")
    await world.crash(await world.taken())
    downstream = Scripted(SUCCESS)
    await world.performed(downstream)
    assert downstream.requests == []
    call = await call_of(world, job_id)
    assert (call.status, call.error) == (CallStatus.FAILED, Reason.WORKER_LOST)


async def test_a_call_that_kills_its_workers_is_given_up(world: World) -> None:
    job_id = await world.submit()
    for _ in range(3):
        await world.crash(await world.taken())
    job = await world.job(job_id)
    assert (job.status, job.calls[0].error) == (JobStatus.FAILED, Reason.WORKER_LOST)


async def test_a_call_is_not_made_while_the_breaker_is_open_but_falls_back(world: World) -> None:
    job_id = await world.submit("static")
    world.break_open("main")
    downstream = Scripted(SUCCESS)
    await world.performed(downstream)
    assert downstream.requests == []
    call = await call_of(world, job_id)
    assert (call.status, call.source, call.error) == (CallStatus.FALLBACK, Source.STATIC, Reason.BREAKER_OPEN)
    assert call.attempts == 0


async def test_failures_open_the_breaker_of_their_service(world: World) -> None:
    for _ in range(20):
        await world.submit()
    for _ in range(19):
        await world.performed(Scripted(UNKNOWN))
    assert not world.is_open("main")
    await world.performed(Scripted(UNKNOWN))
    assert world.is_open("main")
    assert not world.is_open("paced")


async def test_the_answer_of_a_worker_whose_entry_was_reclaimed_is_stale(world: World) -> None:
    job_id = await world.submit()
    late = await world.taken()
    await world.crash(late)
    await world.performed(Scripted(SUCCESS))
    before = await world.job(job_id)
    await world.performer(Scripted(REFUSAL)).perform(late)
    after = await world.job(job_id)
    assert (after.status, after.version) == (JobStatus.SUCCEEDED, before.version)


async def test_a_call_that_this_catalog_does_not_have_is_passed_on_without_using_up_attempts(world: World) -> None:
    job_id = await world.submit()
    older = replace(world.catalog, operations={})
    for _ in range(4):
        entry = await world.taken()
        assert entry.attempt == 1
        await world.performer(Scripted(SUCCESS), catalog=older).perform(entry)
        world.redis.zadd(world.cell.keys.parked(), {f"{job_id}:work": 0})
    await world.performed(Scripted(SUCCESS))
    assert (await call_of(world, job_id)).attempts == 1
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED


async def test_a_call_that_no_catalog_has_fails_when_it_is_too_late_to_wait_for_one(world: World) -> None:
    job_id = await world.submit(timeout_ms=900)
    older = replace(world.catalog, operations={"plain": an_operation("plain", a_call("renamed"))})
    await world.performer(Scripted(SUCCESS), catalog=older).perform(await world.taken())
    assert (await call_of(world, job_id)).error == Reason.UNKNOWN_CALL


async def test_a_builder_that_raises_fails_its_call_and_calls_nobody(world: World) -> None:
    job_id = await world.submit("broken")
    downstream = Scripted(SUCCESS)
    await world.performed(downstream)
    assert downstream.requests == []
    assert (await call_of(world, job_id)).error == Reason.BAD_REQUEST


async def test_what_a_failed_job_did_is_undone(world: World) -> None:
    job_id = await world.submit("two-steps")
    downstream = Scripted(SUCCESS, REFUSAL, SUCCESS)
    for _ in range(3):
        await world.performed(downstream)
    assert [asked["key"] for asked in downstream.asked] == [f"{job_id}:{name}" for name in ("first", "second", "undo")]
    assert (await call_of(world, job_id, "undo")).status is CallStatus.SUCCEEDED
    assert (await world.job(job_id)).status is JobStatus.FAILED


async def test_a_compensation_that_is_refused_becomes_a_dead_letter(world: World) -> None:
    await world.submit("two-steps")
    downstream = Scripted(SUCCESS, REFUSAL, REFUSAL)
    for _ in range(3):
        await world.performed(downstream)
    [(_, letter)] = world.redis.xrange(world.cell.keys.dead())
    assert (letter[b"call"], letter[b"service"]) == (b"undo", b"main")


async def test_the_call_of_a_cancelled_job_is_broken_off(world: World) -> None:
    job_id = await world.submit()
    downstream = Scripted()
    performer = world.performer(downstream)
    performing = asyncio.create_task(performer.perform(await world.taken()))
    await downstream.called.wait()
    assert (await world.jobs.cancel(job_id, "public"))[0] is Cancellation.IN_FLIGHT
    performer.abort(job_id)
    await performing
    assert (world.pending(), world.parked()) == (0, 0)
    assert (await world.job(job_id)).status is JobStatus.CANCELLED


async def test_a_call_that_is_broken_off_keeps_its_slot_until_its_service_must_have_stopped(world: World) -> None:
    """Or until its worker is told to stop, which hands it back at once, however long the service may take."""
    job_id = await world.submit()
    downstream = Scripted()
    performer = world.performer(downstream)
    patient = replace(performer, service=performer.service.model_copy(update={"timeout_seconds": 600.0}))
    performing = asyncio.create_task(patient.perform(await world.taken()))
    await downstream.called.wait()
    await world.jobs.cancel(job_id, "public")
    patient.abort(job_id)
    await world.until(lambda: downstream.in_flight == 0)
    assert (performing.done(), world.pending()) == (False, 1)
    patient.abort()
    done, _ = await asyncio.wait([performing], timeout=5)  # to await it would be to cancel it
    assert done
    assert world.pending() == 0


async def test_a_worker_that_is_told_to_stop_hands_its_calls_back_at_once(world: World) -> None:
    await world.submit()
    downstream = Scripted()
    performer = world.performer(downstream)
    patient = replace(performer, service=performer.service.model_copy(update={"timeout_seconds": 600.0}))
    performing = asyncio.create_task(patient.perform(await world.taken()))
    await downstream.called.wait()
    patient.abort()
    done, _ = await asyncio.wait([performing], timeout=5)  # to await it would be to cancel it
    assert done
    assert (world.pending(), world.parked()) == (0, 1)


async def test_a_call_that_has_to_be_undone_comes_to_its_end_first(world: World) -> None:
    job_id = await world.submit("two-steps")
    downstream = Scripted()
    performer = world.performer(downstream)
    performing = asyncio.create_task(performer.perform(await world.taken()))
    await downstream.called.wait()
    await world.jobs.cancel(job_id, "public")
    performer.abort(job_id)
    assert not performing.done()
    assert not [call for call in (await world.job(job_id)).calls if call.undoes], "nothing is undone yet"
    downstream.outcomes.append(SUCCESS)
    downstream.may_answer.set()
    await performing
    await world.performed(downstream)
    assert (await call_of(world, job_id, "undo")).status is CallStatus.SUCCEEDED


async def test_another_jobs_call_is_left_alone(world: World) -> None:
    await world.submit()
    downstream = Scripted()
    performer = world.performer(downstream)
    performing = asyncio.create_task(performer.perform(await world.taken()))
    await downstream.called.wait()
    performer.abort("another")
    assert downstream.in_flight == 1
    downstream.outcomes.append(SUCCESS)
    downstream.may_answer.set()
    await performing


class Away:
    """A connection to a Redis that does not answer the first `times` scripts."""

    def __init__(self, pipeline: Pipeline, times: int) -> None:
        self.execute = pipeline.execute
        self.times = times
        self._pipeline = pipeline

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        if self.times > 0:
            self.times -= 1
            raise BrokerUnavailable("away")
        return await self._pipeline.run(script, keys, arguments)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perform, "TELL_AGAIN_SECONDS", 0.01)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("outcome", [SUCCESS, UNREACHED], ids=["finish", "retry"])
async def test_a_broker_that_is_away_is_told_when_it_is_back(world: World, outcome: Outcome) -> None:
    job_id = await world.submit()
    entry = await world.taken()
    away = Away(world.pipeline, times=3)
    await replace(world, cell=replace(world.cell, redis=away)).performer(Scripted(outcome)).perform(entry)
    assert away.times == 0
    expected = JobStatus.SUCCEEDED if outcome is SUCCESS else JobStatus.RUNNING
    assert (await world.job(job_id)).status is expected
    assert world.pending() == 0


@pytest.mark.usefixtures("hurried")
async def test_what_cannot_be_told_for_long_is_left_to_be_reclaimed(world: World) -> None:
    job_id = await world.submit()
    entry = await world.taken()
    away = Away(world.pipeline, times=1_000_000)
    await replace(world, cell=replace(world.cell, redis=away)).performer(Scripted(SUCCESS)).perform(entry)
    assert world.pending() == 1
    await world.crash(entry)
    await world.performed(Scripted(SUCCESS))
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
