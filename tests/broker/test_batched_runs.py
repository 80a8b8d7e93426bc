"""Runs of one script that are one command: each is as if it were alone."""

import asyncio
import gc
from asyncio import StreamReader, StreamWriter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from bff.broker.pipeline import MOST_BYTES_IN_BATCH, MOST_IN_BATCH, Pipeline
from bff.broker.script import Script
from tests.broker.piped import REMEMBER, block, listening, opened, push, refusal, sent, together
from tests.broker.servers import Server
from tests.broker.world import World

pytestmark = pytest.mark.anyio

_BATCH = files("bff.broker").joinpath("scripts", "lib", "batch.lua").read_text()
KEEP = Script(
    "keep",
    f"""local ended, noted = {{}}, nil
local function run(KEYS, ARGV)
  if ARGV[1] == 'fail' then return ended.nothing.there end
  redis.call('APPEND', KEYS[1], '')
  redis.call('SET', KEYS[1], ARGV[1])
  return redis.call('GET', KEYS[1])
end
{_BATCH}""",
    batched=True,
)
PLACE = Script(
    "place",
    f"""local ended, noted = {{}}, nil
local function run(KEYS, ARGV) return redis.call('RPUSH', KEYS[1], ARGV[1]) end
{_BATCH}""",
    batched=True,
)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


async def test_batched_runs_of_one_tick_are_one_command_and_each_has_its_own_reply(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        assert await pipeline.run(KEEP, [key], ["first"]) == b"first"
        before = pipeline.commands
        replies = await asyncio.gather(*[pipeline.run(KEEP, [f"{key}:{n}"], [n]) for n in range(MOST_IN_BATCH)])
        assert replies == [str(n).encode() for n in range(MOST_IN_BATCH)]
        assert pipeline.commands == before + 1


async def test_a_batch_is_no_longer_than_it_may_be(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        await pipeline.run(KEEP, [key], ["first"])
        before = pipeline.commands
        runs = [pipeline.run(KEEP, [f"{key}:{n}"], [n]) for n in range(2 * MOST_IN_BATCH + 1)]
        assert await asyncio.gather(*runs) == [str(n).encode() for n in range(2 * MOST_IN_BATCH + 1)]
        assert pipeline.commands == before + 3


async def test_an_error_of_one_run_is_its_own(pipeline: Pipeline, key: str) -> None:
    await pipeline.execute("RPUSH", f"{key}:list", "a")
    refused, wrong, right = await together(
        pipeline.run(KEEP, [f"{key}:list"], ["x"]),
        pipeline.run(KEEP, [key], ["fail"]),
        pipeline.run(KEEP, [key], ["kept"]),
    )
    assert isinstance(refused, ResponseError)
    assert "WRONGTYPE" in str(refused)
    assert isinstance(wrong, ResponseError)
    assert "attempt to" in str(wrong)
    assert right == b"kept"


async def test_what_redis_refuses_to_one_run_for_now_is_said_to_be_away(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        assert await pipeline.run(KEEP, [key], ["before"]) == b"before"
        await pipeline.execute("CONFIG", "SET", "maxmemory", 1)
        full, full_too = await together(pipeline.run(KEEP, [key], ["a"]), pipeline.run(KEEP, [key], ["b"]))
        assert {str(full), str(full_too)} == {"Redis refuses: OOM"}


async def test_a_replica_that_refuses_one_run_is_left(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        assert await pipeline.run(KEEP, [key], ["before"]) == b"before"
        client = await pipeline.execute("CLIENT", "ID")
        await pipeline.execute("REPLICAOF", "127.0.0.1", "1")
        assert await refusal(pipeline.run(KEEP, [key], ["a"])) == "Redis refuses: READONLY"
        await pipeline.execute("REPLICAOF", "NO", "ONE")
        assert await pipeline.execute("CLIENT", "ID") != client
        assert await pipeline.run(KEEP, [key], ["after"]) == b"after"


async def test_a_run_that_is_cancelled_before_it_is_sent_is_never_sent(pipeline: Pipeline, key: str) -> None:
    early, other = [asyncio.create_task(pipeline.run(KEEP, [f"{key}:{n}"], [n])) for n in range(2)]
    await asyncio.sleep(0)
    early.cancel()
    assert await other == b"1"
    assert await pipeline.execute("GET", f"{key}:0") is None


async def test_a_run_that_is_cancelled_after_it_was_sent_shifts_nobodys_reply(
    pipeline: Pipeline, redis: Server, key: str
) -> None:
    await pipeline.run(KEEP, [f"{key}:first"], ["first"])
    first = await block(pipeline, redis, key)
    runs = [asyncio.create_task(pipeline.run(KEEP, [f"{key}:{n}"], [n])) for n in range(3)]
    await sent(pipeline)
    first.cancel()
    runs[1].cancel()
    await push(redis, key)
    replies = await together(*runs)
    assert [replies[0], replies[2]] == [b"0", b"2"]


async def test_a_wrong_argument_of_a_run_disturbs_nothing_but_its_batch(pipeline: Pipeline, key: str) -> None:
    wrong, right = await together(
        pipeline.run(KEEP, [key], [None]),  # type: ignore[list-item]
        pipeline.execute("ECHO", "a"),
    )
    assert isinstance(wrong, TypeError)
    assert right == b"a"


async def test_all_of_a_batch_are_run_once_the_script_is_loaded_again(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        await pipeline.run(KEEP, [key], ["first"])
        await pipeline.execute("SCRIPT", "FLUSH")
        runs = [pipeline.run(KEEP, [f"{key}:{n}"], [n]) for n in range(5)]
        assert await asyncio.gather(*runs) == [str(n).encode() for n in range(5)]


@pytest.mark.parametrize("answer", [b":1\r\n", b"*1\r\n:1\r\n", b"*3\r\n:1\r\n:2\r\n:3\r\n"])
async def test_what_is_no_reply_to_a_batch_leaves_nobody_waiting(tmp_path: Path, answer: bytes) -> None:
    async def lie(reader: StreamReader, writer: StreamWriter) -> None:
        while b"EVALSHA" not in (data := await reader.read(1000)):
            writer.write(b"+OK\r\n" * data.count(b"CLIENT"))
        writer.write(answer)
        await reader.read()
        writer.close()

    async with listening(lie, tmp_path / "s") as url, opened(url, timeout_seconds=60) as pipeline:
        runs = [pipeline.run(KEEP, ["a"], ["x"]) for _ in range(2)]
        assert await refusal(*runs) == "Redis sent what is no reply to any command"


@pytest.mark.parametrize("script", [REMEMBER, KEEP], ids=lambda script: script.name)
async def test_text_that_cannot_be_sent_is_its_callers_trouble_alone(
    pipeline: Pipeline, key: str, script: Script
) -> None:
    wrong, right = await together(pipeline.run(script, [key], ["\ud800"]), pipeline.execute("ECHO", "a"))
    assert isinstance(wrong, UnicodeEncodeError)
    assert right == b"a"
    assert await pipeline.run(script, [key], ["after"]) == b"after"


async def test_whatever_goes_wrong_in_connecting_leaves_nobody_waiting(
    any_redis: Server, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(str(context["exception"])))

    def be_wrong(*_: object) -> None:
        raise AttributeError("a mistake of ours")

    async with opened(any_redis.url) as pipeline:
        with monkeypatch.context() as broken:
            broken.setattr("bff.broker.link.Link.__init__", be_wrong)
            runs = [pipeline.run(KEEP, [key], [n]) for n in range(2)]
            assert await refusal(pipeline.execute("PING"), *runs) == "cannot connect to Redis"
        assert await pipeline.run(KEEP, [key], ["after"]) == b"after"
    gc.collect()
    assert logged == ["a mistake of ours"]


async def test_who_waits_for_a_script_to_be_loaded_joins_no_batch_that_goes_before_it(
    own_redis: Server, key: str
) -> None:
    """Else it is refused again, and has one attempt less."""

    async def come_in_between() -> Any:
        await pipeline.execute("PING")
        return await pipeline.run(PLACE, [key], ["between"])

    async with opened(own_redis.url) as pipeline:
        first = await block(pipeline, own_redis, f"{key}:first")
        between = asyncio.create_task(come_in_between())
        early = [asyncio.create_task(pipeline.run(PLACE, [key], [n])) for n in range(2)]
        second = asyncio.create_task(pipeline.execute("BLPOP", f"{key}:second", 0))
        await sent(pipeline)
        await push(own_redis, f"{key}:first")
        await push(own_redis, f"{key}:second")
        await together(first, second)
        places = await together(*early, between)
        assert places[1] == 1


async def test_a_run_with_a_large_payload_is_the_last_of_its_batch(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        await pipeline.run(KEEP, [key], ["first"])
        before = pipeline.commands
        large = b"x" * MOST_BYTES_IN_BATCH
        replies = await asyncio.gather(*(pipeline.run(KEEP, [key], [each]) for each in (b"a", large, large, b"b")))
        assert replies == [b"a", large, large, b"b"]
        assert pipeline.commands == before + 3


async def test_runs_in_several_cells_are_no_batch(pipeline: Pipeline) -> None:
    """A script works in the cell of its first key, whoever else is in its batch."""
    worlds = [World(pipeline) for _ in range(2)]
    ids = await asyncio.gather(*(world.accepted() for world in worlds))
    for world, job_id in zip(worlds, ids, strict=True):
        assert (await world.job(job_id)).id == job_id
        assert await world.booked() == 1
