import asyncio
import socket

import httpx
import pytest

from tests.downstream_mock.calls import AT_ONCE, Counters, Steer, Until, echo, open_call

pytestmark = pytest.mark.anyio


def read_to_the_end(connection: socket.socket) -> tuple[bytes, OSError | None]:
    received = b""
    try:
        while part := connection.recv(4096):
            received += part
    except OSError as failure:
        return received, failure
    return received, None


async def test_an_error_has_its_status_and_no_effect(mock: httpx.AsyncClient, steer: Steer, counters: Counters) -> None:
    await steer("echo", error_rate=1, error_status=500)
    answer = await echo(mock)
    assert (answer.status_code, answer.json()) == (500, {"error": "ordered"})
    assert "retry-after" not in answer.headers
    counted = await counters("echo")
    assert (counted["failed"], counted["succeeded"], counted["effects"]) == (1, 0, 0)


@pytest.mark.parametrize("status", [429, 503])
async def test_an_error_that_asks_for_patience_says_how_long(
    mock: httpx.AsyncClient, steer: Steer, status: int
) -> None:
    await steer("echo", error_rate=1, error_status=status, retry_after_seconds=1.5)
    answer = await echo(mock)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "2")


async def test_a_reset_breaks_the_answer_after_the_work_was_done(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    await steer("echo", reset_rate=1)
    with pytest.raises(httpx.ReadError):
        await echo(mock)
    counted = await counters("echo")
    assert (counted["failed"], counted["effects"], counted["in_flight"]) == (1, 1, 0)


async def test_a_reset_is_a_tcp_reset_mid_answer(mock: httpx.AsyncClient, steer: Steer) -> None:
    await steer("recommendations", reset_rate=1, latency=AT_ONCE)
    with open_call(mock) as connection:
        received, end = await asyncio.to_thread(read_to_the_end, connection)
    assert isinstance(end, ConnectionResetError)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body.startswith(b'{"user_id":"u1"')
    assert not body.endswith(b"}")


async def test_garbage_is_200_without_json_after_the_work_was_done(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    await steer("echo", garbage_rate=1)
    answer = await echo(mock)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    counted = await counters("echo")
    assert (counted["failed"], counted["succeeded"], counted["effects"]) == (1, 0, 1)


async def test_a_drip_comes_byte_by_byte_and_whole_to_whoever_waits(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters, until: Until
) -> None:
    await steer("echo", drip_rate=1, latency=AT_ONCE)
    async with mock.stream("POST", "/echo/echo", json={"text": ""}) as answer:
        parts = [part async for part in answer.aiter_raw()]
    assert b"".join(parts) == b'{"text":""}'
    assert len(parts) > 1
    await until("echo", succeeded=1, failed=0, effects=1, in_flight=0)


async def test_a_drip_holds_its_slot_until_the_caller_leaves(
    mock: httpx.AsyncClient, steer: Steer, until: Until
) -> None:
    await steer("recommendations", drip_rate=1, latency=AT_ONCE)
    with open_call(mock) as connection:
        await asyncio.to_thread(connection.recv, 4096)
        await until("recommendations", in_flight=1)
    await until("recommendations", in_flight=0, failed=1)


async def test_a_drip_is_broken_off_at_the_deadline(mock: httpx.AsyncClient, steer: Steer, until: Until) -> None:
    await steer("echo", drip_rate=1, latency=AT_ONCE)
    with pytest.raises(httpx.ReadError):
        await echo(mock, timeout_seconds=0.3)
    await until("echo", in_flight=0, failed=1, effects=1)


async def test_a_hang_ends_when_the_caller_leaves_and_has_no_effect(
    mock: httpx.AsyncClient, steer: Steer, until: Until
) -> None:
    await steer("recommendations", hang_rate=1)
    with open_call(mock):
        await until("recommendations", in_flight=1)
    await until("recommendations", in_flight=0, failed=1, succeeded=0, effects=0)


async def test_a_hang_ends_at_the_deadline(mock: httpx.AsyncClient, steer: Steer, until: Until) -> None:
    await steer("echo", hang_rate=1)
    answer = await echo(mock, timeout_seconds=0.2)
    assert (answer.status_code, answer.json()) == (504, {"error": "deadline"})
    await until("echo", in_flight=0, failed=1, effects=0)


async def test_the_same_seed_meets_the_same_faults(mock: httpx.AsyncClient, steer: Steer) -> None:
    async def statuses(seed: int) -> list[int]:
        await steer("echo", error_rate=0.5, seed=seed, latency=AT_ONCE)
        return [(await echo(mock)).status_code for _ in range(30)]

    first = await statuses(7)
    assert set(first) == {200, 503}
    assert await statuses(7) == first
    assert await statuses(8) != first
