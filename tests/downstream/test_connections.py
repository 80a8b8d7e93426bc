import asyncio
from random import Random

import pytest

from bff.catalog.model import Request
from bff.downstream.outcome import Outcome, Reason, Verdict
from tests.downstream.calls import CHARGE, Perform, a_server, calling
from tests.downstream.server import Exchange

pytestmark = pytest.mark.anyio

CONNECTIONS = 8
HOLD = Request("POST", "/hold")


class Holding:
    """Echoes bodies within milliseconds; holds calls to /hold until there are as many as connections."""

    def __init__(self) -> None:
        self.random = Random(1)
        self.held = asyncio.Barrier(CONNECTIONS)

    async def __call__(self, exchange: Exchange) -> None:
        if "/hold" in exchange.received.line:
            await self.held.wait()
        else:
            await asyncio.sleep(0.01 * self.random.random())
        await exchange.answer(exchange.received.body or b"{}")


async def cancelled_at(moment: float, perform: Perform, number: int) -> Outcome | None:
    call = asyncio.create_task(perform(Request("POST", "/echo", {"number": number})))
    asyncio.get_running_loop().call_later(moment, call.cancel)
    try:
        return await call
    except asyncio.CancelledError:
        return None


async def test_five_hundred_calls_cancelled_at_random_moments_lose_no_connection_and_mix_up_no_answers() -> None:
    random = Random(2)
    async with a_server(Holding(), max_concurrency=CONNECTIONS) as (_, perform):
        outcomes = await asyncio.gather(
            *(cancelled_at(0.6 * random.random(), perform, number) for number in range(500))
        )
        answered = {number: outcome for number, outcome in enumerate(outcomes) if outcome is not None}
        assert 0 < len(answered) < 500
        for number, outcome in answered.items():
            assert outcome.data == b'{"number":%d}' % number
        # All at once, or none of them is ever answered.
        held = await asyncio.gather(*(perform(HOLD) for _ in range(CONNECTIONS)))
    assert {outcome.verdict for outcome in held} == {Verdict.SUCCEEDED}


async def test_a_cancelled_call_ends_at_once_and_hangs_up() -> None:
    arrived, hung_up = asyncio.Event(), asyncio.Event()

    async def script(exchange: Exchange) -> None:
        arrived.set()
        await exchange.closed_by_client()
        hung_up.set()

    async with a_server(script) as (_, perform):
        call = asyncio.create_task(perform())
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await hung_up.wait()


async def test_a_timed_out_call_hangs_up() -> None:
    hung_up = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.closed_by_client()
        hung_up.set()

    async with a_server(script) as (_, perform):
        assert (await perform(timeout_seconds=0.1)).reason is Reason.TIMEOUT
        await hung_up.wait()


async def test_no_more_connections_are_open_at_once_than_the_service_allows() -> None:
    async with a_server(Holding(), max_concurrency=CONNECTIONS) as (server, perform):
        await asyncio.gather(*(perform(CHARGE) for _ in range(5 * CONNECTIONS)))
    assert server.connections == CONNECTIONS


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_call_whose_connection_breaks_is_not_sent_again(method: str) -> None:
    """Not by this layer: the service would count two calls where the broker counts one."""

    async def script(exchange: Exchange) -> None:
        if exchange.received.line.startswith("HEAD"):
            await exchange.answer(b"")
        else:
            exchange.close()

    async with a_server(script) as (server, perform):
        await perform(Request("HEAD", "/warm-up"))
        outcome = await perform(Request(method, "/charge"))
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason.CONNECTION_BROKEN)
    assert [received.line.split()[0] for received in server.received] == ["HEAD", method]
    assert server.connections == 1


async def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    gone = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.answer(b"1")
        exchange.end_sending()
        await exchange.closed_by_client()
        exchange.close()
        gone.set()

    async with a_server(script) as (server, perform):
        for _ in range(3):
            gone.clear()
            assert (await perform()).verdict is Verdict.SUCCEEDED
            await gone.wait()
    assert server.connections == 3


async def test_an_idle_connection_is_dropped_before_a_usual_server_would_drop_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bff.downstream.transport.KEEPALIVE_SECONDS", 0.05)
    dropped = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.answer(b"1")
        await exchange.closed_by_client()
        exchange.close()
        dropped.set()

    async with a_server(script) as (_, perform):
        await perform()
        await dropped.wait()


async def test_an_answer_that_nobody_asked_for_is_not_given_to_the_next_call() -> None:
    answer_taken = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.answer(b'"asked"')
        await answer_taken.wait()
        await exchange.answer(b'"unasked"')

    async with a_server(script) as (server, perform), a_server(Holding()) as (_, elsewhere):
        for _ in range(3):
            assert (await perform()).data == b'"asked"'
            answer_taken.set()
            # By the end of a round trip somewhere else, what was sent here has arrived.
            await elsewhere()
            answer_taken.clear()
    assert server.connections == 3


async def test_a_refusal_whose_body_comes_a_little_later_keeps_its_connection() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n")
        await asyncio.sleep(0.005)
        await exchange.send(b"{}")

    async with a_server(script) as (server, perform):
        for _ in range(3):
            assert (await perform()).verdict is Verdict.PUSHED_BACK
    assert server.connections == 1


async def test_a_second_answer_right_behind_the_first_is_not_given_to_the_next_call() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(2 * b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")

    async with a_server(script) as (server, perform):
        for _ in range(3):
            assert (await perform()).data == b"1"
    assert server.connections == 3


async def test_a_head_request_has_no_body_to_wait_for_whatever_its_answer_says() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    async with a_server(script) as (_, perform):
        for _ in range(2):
            assert (await perform(Request("HEAD", "/balance"))).data == b"null"


async def test_a_connection_with_an_answer_that_nobody_read_is_not_used_again() -> None:
    """So much of it waits unread that reading is paused: the next answer would never be heard."""

    async def script(exchange: Exchange) -> None:
        await exchange.answer(b"1" * 80_000 if exchange.received.line.startswith("HEAD") else b"2")

    async with a_server(script) as (_, perform):
        assert (await perform(Request("HEAD", "/balance"))).data == b"null"
        assert (await perform(timeout_seconds=2)).data == b"2"


async def test_a_connection_whose_request_was_answered_before_it_was_read_is_not_used_again() -> None:
    """The service reads no more of it: what comes behind would wait for as long as that does."""
    connections = 0
    over = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n{}")
        await over.wait()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1024)
    async with server, calling(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as perform:
        for _ in range(2):
            outcome = await perform(Request("POST", "/charge", {"note": "x" * 8_000_000}), timeout_seconds=2)
            assert (outcome.verdict, outcome.http_status) == (Verdict.REFUSED, 413)
        over.set()
    assert connections == 2
