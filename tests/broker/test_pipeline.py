import asyncio
import signal
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from bff.broker.pipeline import Pipeline
from tests.broker.piped import REMEMBER, block, listening, opened, push, refusal, sent, tcp_before, together
from tests.broker.servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


async def test_replies_come_undecoded_as_redis_sends_them(pipeline: Pipeline, key: str) -> None:
    replies = [
        await pipeline.execute("GET", key),
        await pipeline.execute("RPUSH", key, "é", b"\xff", 7, 0.5),
        await pipeline.execute("LRANGE", key, 0, -1),
    ]
    assert replies == [None, 4, ["é".encode(), b"\xff", b"7", b"0.5"]]


async def test_what_is_issued_in_one_tick_is_executed_in_order_after_one_write(pipeline: Pipeline, key: str) -> None:
    replies = await asyncio.gather(*[pipeline.execute("INCR", key) for _ in range(1000)])
    assert replies == list(range(1, 1001))
    assert (pipeline.commands, pipeline.writes) == (1000, 1)


async def test_an_error_reply_reaches_its_own_caller_only(pipeline: Pipeline, key: str) -> None:
    pushed, wrong, length = await together(
        pipeline.execute("RPUSH", key, "a"), pipeline.execute("INCR", key), pipeline.execute("LLEN", key)
    )
    assert (pushed, length) == (1, 1)
    assert isinstance(wrong, ResponseError)
    assert str(wrong).startswith("WRONGTYPE")


async def test_an_argument_of_a_wrong_type_disturbs_nobody(pipeline: Pipeline) -> None:
    wrong, right = await together(
        pipeline.execute("ECHO", None),  # type: ignore[arg-type]
        pipeline.execute("ECHO", "a"),
    )
    assert isinstance(wrong, TypeError)
    assert right == b"a"


async def test_a_cancelled_caller_shifts_nobodys_reply(pipeline: Pipeline, redis: Server, key: str) -> None:
    first = await block(pipeline, redis, key)
    echoes = [asyncio.create_task(pipeline.execute("ECHO", number)) for number in range(5)]
    await sent(pipeline)
    first.cancel()
    echoes[1].cancel()
    await push(redis, key)
    replies = await together(*echoes)
    assert [replies[0], *replies[2:]] == [b"0", b"2", b"3", b"4"]
    assert isinstance(replies[1], asyncio.CancelledError)
    assert await pipeline.execute("ECHO", "in step") == b"in step"


async def test_what_is_cancelled_before_it_is_sent_is_never_sent(pipeline: Pipeline, key: str) -> None:
    early = asyncio.create_task(pipeline.execute("SET", key, "sent"))
    await asyncio.sleep(0)
    early.cancel()
    assert await pipeline.execute("GET", key) is None


async def test_a_script_is_loaded_when_redis_does_not_know_it(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        assert await pipeline.run(REMEMBER, [key], ["once"]) == b"once"
        assert await pipeline.run(REMEMBER, [key], ["again"]) == b"again"
        assert pipeline.commands == 4  # refused, load, repeat; again
        await pipeline.execute("SCRIPT", "FLUSH")
        assert await pipeline.run(REMEMBER, [key], ["after a flush"]) == b"after a flush"


async def test_many_who_miss_a_script_load_it_once(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        replies = await asyncio.gather(*[pipeline.run(REMEMBER, [key], [number]) for number in range(50)])
        assert replies == [str(number).encode() for number in range(50)]
        assert pipeline.commands == 50 + 1 + 50


async def test_others_get_the_script_whose_loader_was_cancelled(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        await pipeline.execute("PING")
        runs = [asyncio.create_task(pipeline.run(REMEMBER, [key], [number])) for number in range(3)]
        await pipeline.execute("PING")  # whose reply comes with the three refusals
        await asyncio.sleep(0)
        runs[0].cancel()  # has asked for the script to be loaded, which is yet to be sent
        assert (await together(*runs))[1:] == [b"1", b"2"]


async def test_what_is_asked_while_redis_has_nothing_to_do_is_sent_at_once(pipeline: Pipeline) -> None:
    await pipeline.execute("PING")
    writes = pipeline.writes
    first = asyncio.ensure_future(together(*(pipeline.execute("ECHO", n) for n in range(10))))
    await first
    assert pipeline.writes == writes + 2


async def test_a_server_killed_fails_what_is_in_flight_and_is_found_again(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        waiting = await block(pipeline, own_redis, key)
        own_redis.kill()
        assert "the connection to Redis was lost" in await refusal(waiting)
        assert await refusal(pipeline.execute("PING")) == "cannot connect to Redis: ConnectionRefusedError"
        own_redis.start()
        assert await pipeline.execute("PING") == b"PONG"


async def test_a_frozen_server_is_given_up_on_and_nothing_is_sent_twice(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url, timeout_seconds=0.2, connect_timeout_seconds=0.2) as pipeline:
        await pipeline.execute("SET", key, 0)
        own_redis.signal(signal.SIGSTOP)
        why = await refusal(*[pipeline.execute("INCR", key) for _ in range(10)])
        assert why == "Redis did not answer within 0.2 s"
        assert await refusal(pipeline.execute("INCR", key)) == "cannot connect to Redis: TimeoutError"
        own_redis.signal(signal.SIGCONT)
        assert await pipeline.execute("INCR", key) == 11


async def test_waiting_long_for_one_reply_after_another_is_no_time_out(pipeline: Pipeline, redis: Server) -> None:
    async with opened(redis.url, timeout_seconds=0.2) as pipeline:
        until = asyncio.get_running_loop().time() + 0.5
        while asyncio.get_running_loop().time() < until:
            assert await pipeline.execute("PING") == b"PONG"


async def test_a_server_that_became_a_replica_is_left(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        before = await pipeline.execute("CLIENT", "ID")
        await pipeline.execute("REPLICAOF", "127.0.0.1", 1)
        assert await refusal(pipeline.execute("SET", key, "payload")) == "Redis refuses: READONLY"
        assert await pipeline.execute("CLIENT", "ID") != before


async def test_a_node_of_a_cluster_that_does_not_have_our_keys_is_left(tmp_path: Path) -> None:
    connections = []

    async def refer(reader: StreamReader, writer: StreamWriter) -> None:
        connections.append(writer)
        while data := await reader.read(1000):
            writer.write(b"+OK\r\n" * data.count(b"CLIENT"))
            writer.write(b"-MOVED 10282 10.0.0.2:6379\r\n" * data.count(b"EVALSHA"))
        writer.close()

    async with listening(refer, tmp_path / "s") as url, opened(url) as pipeline:
        for _ in range(2):
            assert await refusal(pipeline.run(REMEMBER, ["bff:{c0}:x"], [1])) == "Redis refuses: MOVED"
    assert len(connections) == 2


async def test_a_connection_that_is_closed_while_it_makes_itself_known_is_said_to_be_lost(
    any_redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed_already(_: object) -> None:
        raise RuntimeError("unable to perform operation on <UnixTransport closed=True>; the handler is closed")

    async with opened(any_redis.url) as pipeline:
        with monkeypatch.context() as closed:
            closed.setattr("redis.asyncio.connection.AbstractConnection.on_connect", closed_already)
            assert await refusal(pipeline.execute("PING")) == "cannot connect to Redis: RuntimeError"
        assert await pipeline.execute("PING") == b"PONG"


async def test_callers_share_one_attempt_to_connect(tmp_path: Path) -> None:
    attempts = []

    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        attempts.append(writer)
        writer.close()

    async with listening(refuse, tmp_path / "s") as url, opened(url) as pipeline:
        assert "cannot connect" in await refusal(*[pipeline.execute("PING") for _ in range(100)])
    assert len(attempts) == 1


async def test_what_is_no_redis_is_given_up_on(tmp_path: Path) -> None:
    async def answer_in_french(reader: StreamReader, writer: StreamWriter) -> None:
        while b"PING" not in (data := await reader.read(1000)):
            writer.write(b"+OK\r\n" * data.count(b"CLIENT"))
        writer.write(b"bonjour\r\n")
        await reader.read()
        writer.close()

    async with listening(answer_in_french, tmp_path / "s") as url, opened(url) as pipeline:
        assert await refusal(pipeline.execute("PING")) == "Redis sent what is no reply to any command"


async def test_a_full_server_is_unavailable_for_writes_alone(own_redis: Server, key: str) -> None:
    async with opened(own_redis.url) as pipeline:
        await pipeline.execute("CONFIG", "SET", "maxmemory", 1)
        assert await refusal(pipeline.execute("SET", key, "payload")) == "Redis refuses: OOM"
        assert await refusal(pipeline.run(REMEMBER, [key], ["payload"])) == "Redis refuses: OOM"
        assert await pipeline.execute("GET", key) is None


async def test_a_wrong_password_is_said_clearly(own_redis: Server) -> None:
    async with opened(own_redis.url) as pipeline:
        await pipeline.execute("CONFIG", "SET", "requirepass", "right")
    async with opened(f"{own_redis.url}?password=right") as pipeline:
        assert await pipeline.execute("PING") == b"PONG"
    async with opened(f"{own_redis.url}?password=guess") as pipeline:
        why = await refusal(pipeline.execute("PING"))
        assert "AuthenticationError: invalid username-password pair" in why
        assert "guess" not in why
    async with opened(own_redis.url) as pipeline:
        why = await refusal(pipeline.execute("PING"))
        assert "NOAUTH" in why or "Authentication required" in why


async def test_a_url_may_name_a_host_a_port_and_a_database(redis: Server, key: str) -> None:
    async with tcp_before(redis) as port, opened(f"redis://127.0.0.1:{port}/3") as by_tcp:
        await by_tcp.execute("SET", key, "here")
        async with opened(f"{redis.url}?db=3") as by_socket:
            assert await by_socket.execute("GET", key) == b"here"


async def test_a_database_that_redis_does_not_have_is_said_clearly(redis: Server) -> None:
    async with opened(f"{redis.url}?db=99") as pipeline:
        assert "DB index is out of range" in await refusal(pipeline.execute("PING"))


@pytest.mark.parametrize("url", ["http://localhost", "redis://localhost?colour=red", "redis://localhost?db=one"])
def test_a_url_that_makes_no_sense_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Pipeline(url)


async def test_too_much_in_flight_is_refused_at_once(redis: Server, key: str) -> None:
    async with opened(redis.url, max_in_flight=2) as pipeline:
        first = await block(pipeline, redis, key)
        second = asyncio.create_task(pipeline.execute("PING"))
        await asyncio.sleep(0)
        assert await refusal(pipeline.execute("PING")) == "2 commands wait for Redis already"
        await push(redis, key)
        assert await together(first, second) == [[key.encode(), b"pushed"], b"PONG"]
        assert await pipeline.execute("PING") == b"PONG"


async def test_closing_fails_who_waits_and_leaves_nothing_running(redis: Server, key: str) -> None:
    pipeline = Pipeline(redis.url)
    waiting = await block(pipeline, redis, key)
    unsent = asyncio.create_task(pipeline.execute("PING"))
    await asyncio.sleep(0)
    others = asyncio.all_tasks() - {waiting, unsent}
    await pipeline.aclose()
    assert await refusal(waiting, unsent, pipeline.execute("PING")) == "the connection to Redis is closed"
    assert asyncio.all_tasks() <= others


async def test_closing_ends_an_attempt_to_connect(tmp_path: Path) -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def stay_silent(reader: StreamReader, writer: StreamWriter) -> None:
        reached.set()
        await reader.read()
        gone.set()
        writer.close()

    async with listening(stay_silent, tmp_path / "s") as url:
        pipeline = Pipeline(url, connect_timeout_seconds=60)
        waiting = asyncio.create_task(pipeline.execute("PING"))
        await reached.wait()
        await pipeline.aclose()
        assert await refusal(waiting) == "the connection to Redis is closed"
        await gone.wait()
