"""What a call's end brings about: for its job, for what waits on it, for what has to be undone."""

import asyncio
import re
from dataclasses import replace

import pytest
from redis.exceptions import ResponseError

from bff.broker.expiry import Expiry
from bff.broker.job import CallStatus, JobStatus, Source, pairs
from bff.broker.jobs import Cancellation
from bff.broker.lanes import End, Entry, Health, Noted
from bff.broker.pipeline import Pipeline
from tests.broker.world import BAD, GOOD, World

pytestmark = pytest.mark.anyio

UNKNOWN = End(status=CallStatus.FAILED, effect=True, milliseconds=7, error="timeout")
STATIC = End(
    status=CallStatus.FALLBACK, effect=False, milliseconds=7, data=b"{}", source=Source.STATIC, error="timeout"
)


async def expire(world: World, job_id: str) -> None:
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await Expiry(world.cell, lambda ended: None).run_once()
    assert (await world.job(job_id)).status.terminal


async def take_both(world: World) -> tuple[Entry, Entry]:
    left, right = await world.take()
    assert (left.call, right.call) == ("left-hand", "right-hand")
    return left, right


async def lifetime_ms(world: World, job_id: str) -> int:
    return int(await world.redis.execute("PTTL", world.keys.job(job_id)))


async def test_calls_that_wait_on_nothing_start_at_once_the_others_after_theirs(world: World) -> None:
    job_id = await world.accepted("screen")
    must, nice = await world.take()
    assert await world.statuses(job_id) == {"must": "running", "nice": "running", "more": "waiting"}
    await world.lanes().finish(nice, GOOD)
    assert await world.statuses(job_id) == {"must": "running", "nice": "succeeded", "more": "queued"}
    await world.lanes().finish(must, GOOD)
    assert (await world.job(job_id)).status is JobStatus.RUNNING
    await world.do()
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert not (await world.job(job_id)).partial
    assert await world.leftovers() == {}


async def test_the_last_end_says_that_the_job_ended_and_how_long_it_took(world: World) -> None:
    job_id = await world.accepted("both")
    left, right = await take_both(world)
    assert await world.lanes().finish(left, GOOD) == (Noted.DONE, [])
    noted, [ended] = await world.lanes().finish(right, GOOD)
    job = await world.job(job_id)
    assert (noted, ended.job_id, ended.status) == (Noted.DONE, job_id, JobStatus.SUCCEEDED)
    assert job.finished_ms is not None
    assert ended.milliseconds == job.finished_ms - job.submitted_ms


async def test_a_call_is_told_as_it_went(world: World) -> None:
    job_id = await world.accepted("screen")
    must, nice = await world.take()
    await world.lanes().finish(must, replace(GOOD, http_status=201, milliseconds=41))
    await world.lanes().finish(nice, replace(BAD, http_status=503, error="http-status"))
    one, two, _ = (await world.job(job_id)).calls
    assert (one.source, one.attempts, one.http_status, one.milliseconds, one.error) == (Source.LIVE, 1, 201, 41, None)
    assert (two.source, two.attempts, two.http_status, two.error) == (None, 1, 503, "http-status")


async def test_a_fallback_is_as_good_as_an_answer_and_is_told_apart(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do(STATIC)
    await world.do()
    await world.do()
    job = await world.job(job_id)
    assert (job.status, job.degraded, job.partial) == (JobStatus.SUCCEEDED, True, False)
    assert job.outcomes["reserve"] == b"{}"
    assert await world.leftovers() == {}


async def test_data_from_the_cache_says_how_old_it_is(world: World) -> None:
    job_id = await world.accepted()
    stored_ms = await world.now_ms() - 5_000
    await world.do(replace(STATIC, source=Source.CACHE, stored_ms=stored_ms))
    [call] = (await world.job(job_id)).calls
    assert call.age_ms is not None
    assert 5_000 <= call.age_ms < 10_000


async def test_a_good_answer_is_kept_where_it_is_to_be_cached_for_as_long_as_asked(world: World) -> None:
    await world.accepted()
    before_ms = await world.now_ms()
    await world.do(replace(GOOD, data=b'{"a": "b c"}', cache_key="d1", cache_ms=60_000))
    cached = await world.lanes().cached("d1")
    assert cached is not None
    assert cached[0] == b'{"a": "b c"}'
    assert before_ms <= cached[1] <= await world.now_ms()
    assert 0 < await world.redis.execute("PTTL", world.keys.cache("d1")) <= 60_000
    assert await world.lanes().cached("d2") is None
    assert await world.leftovers() == {}


async def test_neither_a_failure_nor_a_fallback_is_cached(world: World) -> None:
    await world.accepted("screen")
    must, nice = await world.take()
    await world.lanes().finish(nice, replace(BAD, cache_key="d1", cache_ms=60_000))
    await world.lanes().finish(must, replace(STATIC, cache_key="d2", cache_ms=60_000))
    assert [await world.lanes().cached(key) for key in ("d1", "d2")] == [None, None]


async def test_the_service_time_moves_towards_what_is_measured(world: World) -> None:
    async def average_us() -> int:
        return int(await world.redis.execute("HGET", world.keys.service("fast"), "service_us"))

    await world.accepted()
    assert await average_us() == 10_000
    await world.do(replace(GOOD, milliseconds=170))
    assert await average_us() == (10_000 * 15 + 170_000) // 16
    for _ in range(100):
        await world.accepted()
        await world.do(replace(GOOD, milliseconds=170))
    assert 169_000 < await average_us() <= 170_000


async def test_a_fallback_does_not_count_as_a_service_time(world: World) -> None:
    await world.accepted()
    await world.do(replace(STATIC, milliseconds=0))
    assert await world.redis.execute("HGET", world.keys.service("fast"), "service_us") == b"10000"


async def test_a_failure_ends_the_job_at_once_and_what_is_in_flight_is_undone_when_it_has_ended(world: World) -> None:
    job_id = await world.accepted("both")
    left, right = await take_both(world)
    await world.lanes().finish(left, BAD)
    assert (await world.job(job_id)).status is JobStatus.FAILED
    assert await world.statuses(job_id) == {"left-hand": "failed", "right-hand": "cancelled"}
    assert await world.take() == []
    assert (await world.lanes().finish(right, GOOD))[0] is Noted.LATE
    assert await world.do() == ["un-right"]
    assert (await world.job(job_id)).outcomes == {}
    assert await world.leftovers() == {}


async def test_a_failed_call_that_may_have_had_an_effect_is_undone_too(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    await world.do(UNKNOWN)
    assert [await world.do(), await world.do(), await world.do()] == [["refund"], ["release"], []]
    assert (await world.statuses(job_id))["refund"] == "succeeded"
    assert await world.leftovers() == {}


async def test_a_call_without_effect_is_not_undone(world: World) -> None:
    await world.accepted("order")
    await world.do(BAD)
    assert await world.do() == []
    assert await world.leftovers() == {}


async def test_what_succeeds_after_the_deadline_is_late_and_undone(world: World) -> None:
    job_id = await world.accepted("order", timeout_ms=300)
    await world.do()
    [charge] = await world.take()
    await expire(world, job_id)
    assert (await world.lanes().finish(charge, GOOD))[0] is Noted.LATE
    assert [await world.do(), await world.do(), await world.do()] == [["refund"], ["release"], []]
    job = await world.job(job_id)
    assert (job.status, [call.status for call in job.graph]) == (
        JobStatus.EXPIRED,
        [CallStatus.SUCCEEDED, CallStatus.EXPIRED, CallStatus.EXPIRED],
    )
    assert await world.leftovers() == {}


async def test_what_comes_late_to_a_job_that_succeeded_changes_nothing(world: World) -> None:
    job_id = await world.accepted("screen", timeout_ms=300)
    must, nice = await world.take()
    await world.lanes().finish(must, GOOD)
    await expire(world, job_id)
    before = await world.job(job_id)
    assert (before.status, before.partial) == (JobStatus.SUCCEEDED, True)
    assert await world.lanes().finish(nice, GOOD) == (Noted.LATE, [])
    after = await world.job(job_id)
    assert (after.status, after.outcomes, after.calls) == (before.status, before.outcomes, before.calls)
    assert after.version > before.version
    assert await world.leftovers() == {}


async def test_a_compensation_that_fails_is_left_to_an_operator_and_the_next_one_runs(world: World) -> None:
    job_id = await world.accepted("order")
    await world.do()
    await world.do()
    await world.do(BAD)
    assert await world.do(BAD) == ["refund"]
    assert await world.do() == ["release"]
    assert (await world.statuses(job_id))["refund"] == "failed"
    [(_, fields)] = await world.redis.execute("XRANGE", world.keys.dead(), "-", "+")
    letter = pairs(fields)
    assert [letter[name] for name in ("kind", "job", "call", "service", "error")] == [
        b"compensation", job_id.encode(), b"refund", b"fast", b"http-status"
    ]  # fmt: skip


async def test_a_job_is_kept_until_it_is_undone_however_short_results_live(world: World) -> None:
    brief = World(world.redis, world.catalog)
    brief.cell = replace(brief.cell, result_ttl_seconds=1)
    brief.jobs = type(brief.jobs)(brief.cell)
    job_id = await brief.accepted("order")
    await brief.do()
    await brief.do(BAD)
    assert await lifetime_ms(brief, job_id) == -1
    [release] = await brief.take()
    await brief.until_ms(((await brief.job(job_id)).expires_ms or 0) + 50)
    assert await lifetime_ms(brief, job_id) == -1
    began_ms = await brief.now_ms()
    await brief.lanes().finish(release, GOOD)
    took_ms = await brief.now_ms() - began_ms  # of fakeredis: TIME goes on within a script, and PTTL stands still
    assert 0 < await lifetime_ms(brief, job_id) <= 1_000 + took_ms
    assert await brief.leftovers() == {}


async def test_a_finished_job_cannot_be_cancelled(world: World) -> None:
    job_id = await world.accepted()
    await world.do()
    before = await world.job(job_id)
    assert await world.jobs.cancel(job_id, "public") == (Cancellation.FINISHED, [])
    after = await world.job(job_id)
    assert (after.status, after.version) == (JobStatus.SUCCEEDED, before.version)


async def test_an_unknown_job_cannot_be_cancelled(world: World) -> None:
    assert await world.jobs.cancel("0" * 36, "public") == (Cancellation.UNKNOWN, [])


async def test_cancelling_tells_that_the_job_ended_once(world: World) -> None:
    job_id = await world.accepted("order")
    _, [ended] = await world.jobs.cancel(job_id, "public")
    assert (ended.job_id, ended.status) == (job_id, JobStatus.CANCELLED)
    assert (await world.jobs.cancel(job_id, "public"))[1] == []
    assert await world.statuses(job_id) == dict.fromkeys(["reserve", "charge", "confirm"], "cancelled")


async def test_an_end_for_a_job_that_redis_lost_is_stale(world: World) -> None:
    job_id = await world.accepted()
    [entry] = await world.take()
    await world.redis.execute("DEL", world.keys.job(job_id))
    assert await world.lanes().finish(entry, GOOD) == (Noted.STALE, [])
    assert (await world.redis.execute("XPENDING", entry.lane, "workers"))[0] == 0


async def test_what_is_told_of_an_entry_that_a_failover_has_made_unread_again_leaves_it_to_be_taken(
    world: World,
) -> None:
    await world.accepted()
    [before] = await world.take()
    await world.lanes().finish(before, GOOD)
    job_id = await world.accepted()
    [(entry_id, _)] = await world.redis.execute("XRANGE", before.lane, "-", "+")
    taken_and_lost = replace(before, id=entry_id.decode(), job_id=job_id)
    assert await world.lanes().finish(taken_and_lost, GOOD) == (Noted.STALE, [])
    noted = await world.lanes().retry(taken_and_lost, delay_ms=0, effect=False, error="", http_status=None)
    assert noted is Noted.STALE
    assert await world.do() == ["only"]
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert await world.leftovers() == {}


async def test_what_was_slow_long_ago_does_not_count_against_what_is_called_again(world: World) -> None:
    await world.set("fast", slow_us=1_000_000, timed_at=await world.now_ms() - 20_000)
    await world.accepted(timeout_ms=800)
    assert await world.do() == ["only"]
    slow_us = int(await world.redis.execute("HGET", world.keys.service("fast"), "slow_us"))
    assert slow_us < 11_000
    await world.accepted(timeout_ms=800)


async def calls_of(pipeline: Pipeline, *commands: str) -> list[int]:
    """How often scripts called each since the last CONFIG RESETSTAT."""
    told = (await pipeline.execute("INFO", "commandstats")).decode()
    calls = dict(re.findall(r"cmdstat_(\w+):calls=(\d+)", told))
    return [int(calls[command]) for command in commands]


async def test_what_ends_of_one_tick_write_alike_is_written_once(own_pipeline: Pipeline) -> None:
    world = World(own_pipeline)
    ids = [await world.accepted() for _ in range(6)]
    entries = await world.take()
    await own_pipeline.execute("CONFIG", "RESETSTAT")
    told = [world.lanes().finish(entry, replace(GOOD, health=Health.WELL)) for entry in entries]
    assert {noted for noted, _ in await asyncio.gather(*told)} == {Noted.DONE}
    assert await calls_of(own_pipeline, "xack", "xdel", "zrem") == [6, 2, 2]  # the first goes at once
    assert [(await world.job(job_id)).status for job_id in ids] == [JobStatus.SUCCEEDED] * 6
    assert await own_pipeline.execute("HGET", world.keys.service("fast"), "breaker.good") == b"6"
    assert await world.leftovers() == {}


async def test_an_end_that_goes_wrong_hinders_no_other_of_its_tick(own_pipeline: Pipeline) -> None:
    world = World(own_pipeline)
    ids = [await world.accepted() for _ in range(3)]
    entries = await world.take()
    await own_pipeline.execute("RENAME", world.keys.job(ids[1]), "aside")
    await own_pipeline.execute("SET", world.keys.job(ids[1]), "")
    told = [world.lanes().finish(entry, GOOD) for entry in entries]
    (first, _), wrong, (last, _) = await asyncio.gather(*told, return_exceptions=True)  # type: ignore[misc]
    assert (first, last) == (Noted.DONE, Noted.DONE)
    assert isinstance(wrong, ResponseError)
    await own_pipeline.execute("RENAME", "aside", world.keys.job(ids[1]))
    assert (await world.lanes().finish(entries[1], GOOD))[0] is Noted.DONE
    assert await world.leftovers() == {}
