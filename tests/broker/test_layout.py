"""How a job is laid down in Redis, where that matters."""

import pytest

from bff.broker.job import JobStatus
from bff.broker.jobs import Done
from bff.broker.pipeline import Pipeline
from bff.broker.timeline import What
from tests.broker.world import GOOD, World

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def encoding(world: World, key: str) -> str:
    return str((await world.redis.execute("OBJECT", "ENCODING", key)).decode())


async def test_a_jobs_hash_is_small_enough_to_be_kept_as_a_list_all_its_life(pipeline: Pipeline) -> None:
    world = World(pipeline, process="a-gateway-with-a-name-that-an-orchestrator-made-for-it-5d8f7b6c9-x2x4z")
    job_id = await world.accepted("order", traceparent=TRACEPARENT, tracestate="vendor=" + "x" * 400)
    for _ in range(3):
        assert await encoding(world, world.keys.job(job_id)) in ("listpack", "ziplist")
        await world.do()
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert await encoding(world, world.keys.job(job_id)) in ("listpack", "ziplist")


async def test_a_services_hash_is_kept_as_a_table_where_each_of_many_fields_is_found_at_once(
    pipeline: Pipeline,
) -> None:
    world = World(pipeline)
    await world.accepted()
    assert await encoding(world, world.keys.service("fast")) == "hashtable"


@pytest.mark.parametrize("length", [0, 350, 400, 450, 512])
async def test_a_line_of_any_length_is_read_to_its_end(world: World, length: int) -> None:
    job_id = await world.accepted(tracestate="v=" + "x" * length, parameters=b'{"text":"\\n{"}')
    [entry] = await world.take()
    assert (entry.tracestate, entry.parameters) == ("v=" + "x" * length, b'{"text":"\\n{"}')
    await world.lanes().finish(entry, GOOD)
    assert (await world.job(job_id)).status is JobStatus.SUCCEEDED
    assert await world.jobs.parameters(job_id) == b'{"text":"\\n{"}'


async def test_nothing_is_kept_of_a_regular_job_until_something_happens_to_it(world: World) -> None:
    job_id = await world.accepted()
    assert not await world.redis.execute("EXISTS", world.keys.timeline(job_id))
    assert [event.what for event in await world.jobs.timeline(job_id)] == [What.SUBMITTED, What.QUEUED]


async def test_what_else_happened_to_it_as_it_was_submitted_is_told(world: World) -> None:
    job_id = await world.accepted("crowded", done=[Done("must", 12, 200, b"7")])
    told = [(event.what, event.call) for event in await world.jobs.timeline(job_id)]
    assert told == [(What.SUBMITTED, None), (What.INLINE, "must"), (What.QUEUED, "nice")]


async def test_a_job_of_which_nobody_can_tell_what_was_asked_for_is_unknown_and_keeps_no_other_back(
    world: World,
) -> None:
    lost, other = await world.accepted(), await world.accepted()
    await world.redis.execute("SET", world.keys.parameters(lost), "one\tpublic\n{}")
    assert [entry.job_id for entry in await world.take()] == [other]
    assert await world.jobs.read(lost) is None
