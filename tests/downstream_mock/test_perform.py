import asyncio
import time
from collections import Counter

import httpx
import pytest

from tests.downstream_mock.calls import SLOW, Counters, Steer, Until, echo, open_call

pytestmark = pytest.mark.anyio


async def test_a_call_takes_its_latency(mock: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", latency={"distribution": "constant", "mean_seconds": 0.2})
    started_at = time.monotonic()
    await echo(mock)
    # 1 ms, by which the mock's timers may be early.
    assert time.monotonic() - started_at >= 0.199


async def test_work_stops_at_the_callers_deadline_without_effect(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    await steer("echo", latency=SLOW)
    answer = await echo(mock, timeout_seconds=0.2)
    assert (answer.status_code, answer.json()) == (504, {"error": "deadline"})
    counted = await counters("echo")
    assert (counted["in_flight"], counted["failed"], counted["effects"]) == (0, 1, 0)


async def test_a_deadline_that_is_far_enough_changes_nothing(mock: httpx.AsyncClient) -> None:
    assert (await echo(mock, timeout_seconds=10)).status_code == 200


async def test_a_call_with_no_time_left_never_starts(mock: httpx.AsyncClient, counters: Counters) -> None:
    assert (await echo(mock, timeout_seconds=0)).status_code == 504
    assert (await counters("echo"))["max_in_flight"] == 0


async def test_without_a_deadline_work_goes_on_when_the_caller_leaves(
    mock: httpx.AsyncClient, steer: Steer, until: Until
) -> None:
    await steer("recommendations", latency={"distribution": "constant", "mean_seconds": 0.5})
    with open_call(mock):
        await until("recommendations", in_flight=1)
    await until("recommendations", in_flight=0, succeeded=1)


async def test_one_call_too_many_at_once_is_429_and_never_starts(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters, until: Until
) -> None:
    await steer("recommendations", max_concurrency=2, hang_rate=1, retry_after_seconds=1.5)
    with open_call(mock), open_call(mock):
        await until("recommendations", in_flight=2)
        refused = await mock.get("/recommendations/u1")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    counted = await counters("recommendations")
    assert (counted["rejected_concurrency"], counted["max_in_flight"]) == (1, 2)


async def test_one_call_too_many_by_rate_is_429_and_never_starts(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    await steer("echo", rate_per_second=0.001)
    assert [(await echo(mock)).status_code for _ in range(3)] == [200, 429, 429]
    counted = await counters("echo")
    assert (counted["rejected_rate"], counted["max_started_per_second"]) == (2, 1)
    assert (counted["succeeded"], counted["failed"], counted["effects"]) == (1, 0, 1)


async def test_the_counters_agree_with_what_the_callers_saw(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    latency = {"distribution": "constant", "mean_seconds": 0.3}
    await steer("echo", latency=latency, max_concurrency=4, error_rate=0.2, garbage_rate=0.1, reset_rate=0.1)
    seen: Counter[str] = Counter()

    async def caller(number: int) -> None:
        for call in range(5):
            try:
                answer = await echo(mock, f"{number // 2}-{call}")
            except httpx.TransportError:
                seen["reset"] += 1
            else:
                seen[str(answer.status_code)] += 1
                seen["garbage"] += answer.text.startswith("<")
                seen["replayed"] += "idempotency-replayed" in answer.headers

    await asyncio.gather(*(caller(number) for number in range(16)))
    counted = await counters("echo")
    assert counted["calls"] == 16 * 5
    assert counted["succeeded"] == seen["200"] - seen["garbage"]
    assert counted["failed"] == seen["503"] + seen["reset"] + seen["garbage"]
    assert counted["rejected_concurrency"] == seen["429"] > 0
    assert counted["repeated_keys"] == seen["replayed"] > 0
    assert counted["effects"] == seen["200"] - seen["replayed"] + seen["reset"]
    assert (counted["in_flight"], counted["max_effects_per_key"]) == (0, 1)
    assert counted["max_in_flight"] == 4


async def test_a_malformed_call_counts_as_failed_and_never_starts(mock: httpx.AsyncClient, counters: Counters) -> None:
    await mock.post("/echo/echo", json={})
    await mock.get("/echo/echo")
    counted = await counters("echo")
    assert (counted["calls"], counted["failed"], counted["max_in_flight"]) == (2, 2, 0)
