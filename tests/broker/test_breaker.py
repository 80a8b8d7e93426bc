"""A service that fails is left alone for a while. The rule stands twice, in Python and in Lua: both do the same."""

import asyncio
import uuid
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.broker.expiry import Expiry
from bff.broker.job import CallStatus, JobStatus, Source
from bff.broker.jobs import Accepted, Refusal
from bff.broker.lanes import Health, Noted, Supply
from bff.broker.script import Script
from bff.policies.breaker import PROBES, Breaker, Forced, Rule, noted, told
from tests.broker.servers import Server, patient
from tests.broker.world import BAD, GOOD, World

pytestmark = pytest.mark.anyio

FIELDS = ("open_until", "since", "opened", "window_at", "good", "bad", "earlier_good", "earlier_bad")
IN_MS = ("open_until", "since", "window_at")
Step = tuple[bool | Forced | None, int | None, int]
"""How a call ended, or what an operator says; for how long it ran; how much later this is."""


def with_a_clock_to_set() -> Script:
    """The breaker's part of the scripts, at the time that is given."""
    library = "".join(
        files("bff.broker").joinpath("scripts", "lib", f"{name}.lua").read_text()
        for name in ("allowed", "later", "breaker")
    )
    read = ", ".join(f"'breaker.{field}'" for field in FIELDS)
    return Script(
        "breaker",
        f"local now = tonumber(ARGV[1])\n{library}\n"
        "local ran_ms = tonumber(ARGV[3])\n"
        "if ran_ms then note_health(KEYS[1], ARGV[2], ran_ms) else force_breaker(KEYS[1], ARGV[2]) end\n"
        f"return redis.call('HMGET', KEYS[1], {read}, 'breaker.forced')\n",
    )


ends = st.tuples(st.booleans(), st.sampled_from([0, 1, 30, 900, 4000]), st.sampled_from([0, 1, 20, 400, 1500, 5000]))
words = st.tuples(st.sampled_from([*Forced, None]), st.none(), st.sampled_from([0, 20, 1500]))
"""An operator says how the breaker stands."""
steps = st.one_of(ends, ends, words)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(percent=st.integers(1, 100), minimum=st.integers(1, 8), history=st.lists(steps, min_size=1, max_size=40))
def test_both_go_through_the_same_states(any_redis: Server, percent: int, minimum: int, history: list[Step]) -> None:
    rule = Rule(failure_percent=percent, minimum_calls=minimum, window_ms=1000, open_ms=700)
    asyncio.run(_compare(any_redis, rule, history))


async def _compare(server: Server, rule: Rule, history: list[Step]) -> None:
    pipeline, breaker, now_ms, key = patient(server.url), Breaker(), 1_790_000_000_000, uuid.uuid4().hex
    for name in Rule.__dataclass_fields__:
        await pipeline.execute("HSET", key, f"breaker.{name}", getattr(rule, name))
    for word, ran_ms, later_ms in history:
        now_ms += later_ms
        if ran_ms is None:
            breaker = told(breaker, Forced(str(word)) if word else None, now_ms=now_ms)
            said: str | bytes | int = word or "auto"
        else:
            breaker = noted(breaker, rule, well=bool(word), began_ms=now_ms - ran_ms, now_ms=now_ms)
            said = "well" if word else "ill"
        arguments = [now_ms, said, "" if ran_ms is None else ran_ms]
        *read, forced = await pipeline.run(with_a_clock_to_set(), [key], arguments)
        expected = [getattr(breaker, f"{name}_ms" if name in IN_MS else name) for name in FIELDS]
        assert [int(value or 0) for value in read] == expected
        assert (forced and forced.decode()) == breaker.forced
    await pipeline.aclose()


async def test_while_it_is_open_nothing_is_called_and_a_few_probes_are_when_it_is_half_open(world: World) -> None:
    for _ in range(9):
        await world.accepted("scarce")
    await world.set("stock", max_concurrency=9)
    await world.breaker(open_ms=60_000)
    taken = await world.lanes("stock").take(9)
    assert (taken.entries, taken.supply, taken.again_ms) == ([], Supply.LIMITED, 1_000)
    await world.breaker(open_ms=0)
    probes = await world.take("stock")
    assert len(probes) == PROBES
    assert await world.take("stock") == []
    for entry in probes:
        await world.lanes("stock").finish(entry, replace(GOOD, health=Health.WELL, milliseconds=0))
    assert len(await world.take("stock")) == 6, "closed again"


async def test_a_probe_that_fails_opens_it_for_twice_as_long(world: World) -> None:
    await world.accepted("scarce")
    await world.accepted("scarce")
    await world.set("stock", breaker__opened=1)
    await world.breaker(open_ms=0)
    first, second = await world.take("stock")
    await world.lanes("stock").finish(first, replace(BAD, health=Health.ILL, milliseconds=0))
    left_ms = await open_ms(world)
    assert 9_000 < left_ms <= 10_000
    await world.lanes("stock").finish(second, replace(GOOD, health=Health.WELL))
    assert await open_ms(world) > 9_000, "the end of an older call says nothing any more"


async def test_a_failure_that_is_tried_again_counts_too(world: World) -> None:
    await world.accepted("scarce")
    await world.set("stock", breaker__minimum_calls=1)
    [entry] = await world.take("stock")
    await world.lanes("stock").retry(
        entry, delay_ms=0, effect=False, error="timeout", http_status=None, health=Health.ILL, ran_ms=1
    )
    assert await open_ms(world) > 0


async def test_a_job_is_refused_while_a_service_that_it_needs_is_not_well(world: World) -> None:
    await world.breaker(open_ms=7_000)
    refused = await world.submit("scarce")
    assert (refused.reason, refused.service) == (Refusal.DOWNSTREAM_UNAVAILABLE, "stock")
    assert 6_000 < refused.retry_ms <= 7_000
    await world.breaker(open_ms=0)
    assert isinstance(await world.submit("scarce"), Accepted), "somebody has to be the probe"


async def test_with_an_open_breaker_optional_calls_are_skipped_and_others_fall_back(world: World) -> None:
    await world.breaker(open_ms=60_000)
    answer = await world.submit("soft")
    statuses = {call.name: (call.status, call.source) for call in answer.job.calls}
    assert statuses == {
        "must": (CallStatus.QUEUED, None),
        "static": (CallStatus.FALLBACK, Source.STATIC),
        "cached": (CallStatus.QUEUED, None),  # a worker looks into the cache
        "both": (CallStatus.QUEUED, None),
    }
    assert answer.job.outcomes == {"static": b'{"items":[]}'}
    barred = await world.take("stock")
    assert [(entry.call, entry.barred, entry.attempt) for entry in barred] == [("cached", True, 0), ("both", True, 0)]
    assert [entry.barred for entry in await world.take("fast")] == [False]


async def test_what_can_do_without_is_handed_out_up_to_the_first_that_cannot(world: World) -> None:
    await world.accepted("soft")
    await world.accepted("scarce")
    await world.accepted("soft")
    await world.breaker(open_ms=60_000)
    assert [entry.call for entry in await world.take("stock")] == ["static", "cached", "both"]


async def test_what_is_barred_and_handed_back_has_made_no_attempt(world: World) -> None:
    """As by a worker that does not know the call, while a new catalog is rolled out."""
    job_id = await world.accepted("soft")
    await world.breaker(open_ms=60_000)
    [entry] = await world.take("stock", 1)
    noted = await world.lanes("stock").retry(
        entry, delay_ms=0, effect=False, error="", http_status=None, attempted=False
    )
    assert noted is Noted.PARKED
    [static] = [call for call in (await world.job(job_id)).calls if call.name == entry.call]
    assert (static.status, static.attempts) == (CallStatus.QUEUED, 0)


async def test_static_data_stands_in_for_what_could_not_start_in_time(world: World) -> None:
    job_id = await world.accepted("soft", timeout_ms=400)
    await world.do()
    await world.until_ms(await world.now_ms() + 300)
    await Expiry(world.cell, lambda ended: None).run_once()
    job = await world.job(job_id)
    assert {call.name: call.status for call in job.calls} == {
        "must": "succeeded", "static": "fallback", "cached": "expired", "both": "fallback"
    }  # fmt: skip
    assert (job.status, job.degraded, job.partial) == (JobStatus.SUCCEEDED, True, True)
    assert await world.leftovers() == {}


async def test_what_was_never_called_is_neither_lost_nor_undone(world: World) -> None:
    """Its worker died while it looked for something to fall back on."""
    job_id = await world.accepted("soft")
    await world.set("stock", timeout_ms=-1000)
    await world.breaker(open_ms=60_000)
    for _ in range(4):
        assert {entry.call for entry in await world.take("stock")} == {"static", "cached", "both"}
        assert (await world.lanes("stock").reclaim())[0] == 3
    assert not (await world.job(job_id)).status.terminal
    assert not [entry for entry in await world.take("stock") if entry.effect]


async def test_one_probe_at_most_is_a_compensation_where_others_wait(world: World) -> None:
    for _ in range(3):
        await world.accepted("both")
    await world.do()
    for _ in range(3):
        await world.accepted("order")
    await world.set("fast", max_concurrency=10)
    ids = [await world.accepted("order") for _ in range(2)]
    await world.do()  # reserve, of five orders
    entries = await world.take()
    for entry in entries:
        await world.lanes().finish(entry, BAD)  # the charges fail: five releases wait
    for job_id in ids:
        assert (await world.job(job_id)).status is JobStatus.FAILED
    await world.accepted()
    await world.accepted()
    await world.breaker("fast", open_ms=0)
    assert sorted(entry.call for entry in await world.take()) == ["only", "only", "release"]


async def test_at_the_deadline_static_data_stands_in_for_what_still_runs(world: World) -> None:
    job_id = await world.accepted("soft", timeout_ms=600)
    await world.do()
    assert len(await world.take("stock")) == 3
    await world.until_ms((await world.job(job_id)).deadline_ms)
    await Expiry(world.cell, lambda ended: None).run_once()
    job = await world.job(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert [call.status for call in job.calls] == ["succeeded", "fallback", "expired", "fallback"]


async def open_ms(world: World) -> int:
    until = await world.redis.execute("HGET", world.keys.service("stock"), "breaker.open_until")
    return int(until or 0) - await world.now_ms()
