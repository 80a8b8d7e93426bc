import asyncio

import httpx
import pytest

from tests.downstream_mock.calls import AT_ONCE, Counters, Steer, Until, echo

pytestmark = pytest.mark.anyio


async def test_a_repeat_gets_the_first_answer_and_has_no_second_effect(
    mock: httpx.AsyncClient, counters: Counters
) -> None:
    first = await echo(mock, "k", text="first")
    second = await echo(mock, "k", text="second")
    assert second.json() == first.json() == {"text": "first"}
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    counted = await counters("echo")
    assert (counted["calls"], counted["effects"], counted["repeated_keys"]) == (2, 1, 1)
    assert counted["max_effects_per_key"] == 1


async def test_repeats_that_come_while_the_first_runs_wait_for_it_and_take_no_slot(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    await steer("echo", max_concurrency=1, latency={"distribution": "constant", "mean_seconds": 0.5})
    answers = await asyncio.gather(*(echo(mock, "k") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    counted = await counters("echo")
    assert (counted["effects"], counted["repeated_keys"], counted["max_in_flight"]) == (1, 4, 1)


async def test_a_repeat_that_waits_takes_the_place_of_a_first_that_failed(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters, until: Until
) -> None:
    await steer("echo", hang_rate=1)
    first = asyncio.create_task(echo(mock, "k", timeout_seconds=1))
    await until("echo", in_flight=1)
    await steer("echo", hang_rate=0)
    second = await echo(mock, "k")
    assert ((await first).status_code, second.status_code) == (504, 200)
    assert (await counters("echo"))["effects"] == 1


async def test_a_repeat_that_waits_gives_up_at_its_own_deadline(
    mock: httpx.AsyncClient, steer: Steer, until: Until
) -> None:
    await steer("echo", hang_rate=1)
    first = asyncio.create_task(echo(mock, "k", timeout_seconds=5))
    await until("echo", in_flight=1)
    assert (await echo(mock, "k", timeout_seconds=0.1)).status_code == 504
    await until("echo", in_flight=1, failed=1)
    first.cancel()


async def test_a_failed_first_may_be_tried_again(mock: httpx.AsyncClient, steer: Steer, counters: Counters) -> None:
    await steer("echo", error_rate=1)
    assert (await echo(mock, "k")).status_code == 503
    await steer("echo", error_rate=0)
    again = await echo(mock, "k")
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers
    counted = await counters("echo")
    assert (counted["effects"], counted["repeated_keys"]) == (1, 0)


@pytest.mark.parametrize("fault", ["reset", "garbage"])
async def test_a_repeat_after_a_broken_answer_gets_the_whole_one(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters, fault: str
) -> None:
    await steer("echo", **{f"{fault}_rate": 1})
    await asyncio.gather(echo(mock, "k"), return_exceptions=True)
    again = await echo(mock, "k")
    assert again.json() == {"text": "hi"}
    assert again.headers["idempotency-replayed"] == "true"
    assert (await counters("echo"))["effects"] == 1


async def test_a_key_belongs_to_its_endpoint(mock: httpx.AsyncClient, steer: Steer) -> None:
    await steer("payments", latency=AT_ONCE)
    headers = {"Idempotency-Key": "k"}
    charge = {"cart_id": "c1", "amount_cents": 1}
    assert "charge_id" in (await mock.post("/payments/charges", json=charge, headers=headers)).json()
    refund = await mock.post("/payments/refunds", json={}, headers=headers)
    assert refund.json() == {"refunded": True}


async def test_a_service_that_ignores_keys_shows_every_effect(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    await steer("echo", honours_idempotency_key=False)
    await echo(mock, "k")
    await echo(mock, "k")
    await echo(mock, "other")
    counted = await counters("echo")
    assert (counted["effects"], counted["max_effects_per_key"], counted["repeated_keys"]) == (3, 2, 0)


async def test_reading_has_no_effect(mock: httpx.AsyncClient, counters: Counters) -> None:
    for _ in range(2):
        await mock.get("/accounts/u1/balance", headers={"Idempotency-Key": "k"})
    counted = await counters("accounts")
    assert (counted["effects"], counted["repeated_keys"], counted["max_effects_per_key"]) == (0, 1, 0)
