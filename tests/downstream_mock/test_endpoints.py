from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

CART = {"cart_id": "c1"}
RESERVATION = {**CART, "items": [{"sku": "A", "quantity": 1}]}
CHARGE = {**CART, "amount_cents": 1999}
CONFIRMATION = {**CART, "reservation_id": "r1", "charge_id": "p1"}


@pytest.fixture(autouse=True)
async def at_once(mock: httpx.AsyncClient) -> None:
    for service in (await mock.get("/_control")).json()["services"]:
        await mock.put(f"/_control/{service}", json={"latency": {"mean_seconds": 0}})


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/echo/echo", {"text": "hi"}, {"text": "hi"}),
        ("/inventory/reservations", RESERVATION, {"reservation_id": ..., "cart_id": "c1"}),
        ("/inventory/releases", {"reservation_id": "r1"}, {"released": True}),
        ("/inventory/releases", CART, {"released": True}),
        ("/payments/charges", CHARGE, {"charge_id": ..., "amount_cents": 1999}),
        ("/payments/refunds", CART, {"refunded": True}),
        ("/orders/confirmations", CONFIRMATION, {"order_id": ...}),
        ("/reports/builds", {"month": "2026-01"}, {"month": "2026-01", "rows": ..., "url": ...}),
    ],
)
async def test_a_post_is_answered_from_its_body(
    mock: httpx.AsyncClient, path: str, body: dict[str, Any], fields: dict[str, Any]
) -> None:
    answer = await mock.post(path, json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == fields.keys()
    assert {name: value for name, value in fields.items() if value is not ...}.items() <= answer.json().items()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/accounts/u1/balance", {"user_id", "balance_cents", "currency"}),
        ("/recommendations/u1", {"user_id", "items"}),
        ("/history/u1", {"user_id", "orders"}),
    ],
)
async def test_a_user_always_gets_the_same_data(mock: httpx.AsyncClient, path: str, names: set[str]) -> None:
    first, second = await mock.get(path), await mock.get(path)
    assert first.json().keys() == names
    assert first.json()["user_id"] == "u1"
    assert first.json() == second.json()
    other = (await mock.get(path.replace("u1", "u2"))).json()
    assert {**other, "user_id": "u1"} != first.json()


async def test_an_id_follows_from_the_key_or_else_from_the_body(mock: httpx.AsyncClient) -> None:
    async def charge(cents: int, **headers: str) -> str:
        body = {**CART, "amount_cents": cents}
        return str((await mock.post("/payments/charges", json=body, headers=headers)).json()["charge_id"])

    assert await charge(1) == await charge(1) != await charge(2)
    keyed = await charge(1, **{"Idempotency-Key": "k"})
    assert keyed != await charge(1)
    await mock.post("/_control/reset")
    await mock.put("/_control/payments", json={"latency": {"mean_seconds": 0}})
    assert await charge(1, **{"Idempotency-Key": "k"}) == keyed


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/echo/echo", "", "Invalid JSON"),
        ("/echo/echo", "[]", "body"),
        ("/echo/echo", "{}", "text"),
        ("/echo/echo", '{"text": 1}', "text"),
        ("/inventory/reservations", '{"cart_id": "c1", "items": []}', "items"),
        (
            "/inventory/reservations",
            '{"cart_id": "c1", "items": [{"sku": "A", "quantity": 0}]}',
            "items.0.quantity",
        ),
        ("/inventory/releases", "{}", "reservation_id or cart_id"),
        ("/payments/charges", '{"cart_id": "c1", "amount_cents": -1}', "amount_cents"),
        ("/payments/refunds", "3", "body"),
        ("/orders/confirmations", '{"cart_id": "c1", "reservation_id": "r1"}', "charge_id"),
        ("/reports/builds", '{"month": "2026-13"}', "month"),
    ],
)
async def test_a_malformed_body_is_400_and_says_where(
    mock: httpx.AsyncClient, path: str, body: str, named: str
) -> None:
    answer = await mock.post(path, content=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]


async def test_a_body_over_the_limit_is_413(mock: httpx.AsyncClient) -> None:
    answer = await mock.post("/echo/echo", json={"text": "x" * (1 << 20)})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/nowhere/echo", 404),
        ("POST", "/echo", 404),
        ("POST", "/echo/echo/", 404),
        ("GET", "/accounts//balance", 404),
        ("GET", "/accounts/u1", 404),
        ("GET", "/echo/echo", 405),
        ("POST", "/history/u1", 405),
    ],
)
async def test_a_wrong_path_is_404_and_a_wrong_method_405(
    mock: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await mock.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "headers",
    [
        {"Request-Timeout": "soon"},
        {"Request-Timeout": "nan"},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "k" * 256},
    ],
)
async def test_a_header_that_makes_no_sense_is_400_by_name(mock: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await mock.post("/echo/echo", json={"text": "hi"}, headers=headers)
    assert answer.status_code == 400
    assert next(iter(headers)) in answer.json()["error"]
