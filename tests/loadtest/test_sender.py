import asyncio
import time

import pytest

from loadtest.sender import send_on_time
from scenario.arrivals import Arrival

pytestmark = pytest.mark.anyio


async def test_arrivals_are_sent_at_their_time_whatever_became_of_those_before() -> None:
    start = time.perf_counter() + 0.05
    sent: list[float] = []

    async def never_answered() -> None:
        sent.append(time.perf_counter() - start)
        await asyncio.Event().wait()

    clients: list[asyncio.Task[None]] = []
    planned = [number / 100 for number in range(40)]
    await send_on_time(
        (Arrival(at, 0) for at in planned), start, lambda _: clients.append(asyncio.create_task(never_answered()))
    )
    await asyncio.sleep(0)
    assert len(sent) == 40
    assert all(at >= intended for at, intended in zip(sent, planned, strict=True)), "never too early"
    assert sent[-1] >= 0.39
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def test_those_that_are_late_are_all_sent_and_answers_still_come_through() -> None:
    start, turns = time.perf_counter() - 10, 0

    async def answers() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    answering = asyncio.create_task(answers())
    launched: list[Arrival] = []
    await send_on_time((Arrival(number / 1000, 0) for number in range(1000)), start, launched.append)
    answering.cancel()
    assert len(launched) == 1000
    assert turns >= 10
