import asyncio
import uuid

import httpx
import pytest

from tests.contract.calls import CHECKOUT, ECHO, HI, Steer, constant, problem_of, refused_for_now, submitted

pytestmark = pytest.mark.anyio


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


async def post(api: httpx.AsyncClient, key: str, text: str = "hi", **headers: str) -> httpx.Response:
    return await api.post(ECHO, json={"text": text}, headers={"Idempotency-Key": key, **headers})


async def test_a_repeated_key_answers_with_the_same_job(api: httpx.AsyncClient, key: str) -> None:
    first, again = await post(api, key), await post(api, key)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"] == again.headers["x-correlation-id"]


async def test_a_repeated_key_of_a_job_that_has_ended_answers_200(
    api: httpx.AsyncClient, mock: object, key: str
) -> None:
    first = await post(api, key, Prefer="wait=20")
    again = await post(api, key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again.headers["content-location"] == f"/v1/jobs/{first.json()['id']}"
    assert again.headers["idempotency-replayed"] == "true"


async def test_fifty_at_once_are_one_job_and_one_call(
    api: httpx.AsyncClient, mock: httpx.AsyncClient, key: str
) -> None:
    answers = await asyncio.gather(*(post(api, key, Prefer="wait=20") for _ in range(50)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert (await mock.get("/_control/echo")).json()["counters"]["calls"] == 1


async def test_a_key_is_the_same_quoted_and_bare(api: httpx.AsyncClient, key: str) -> None:
    first = await post(api, key)
    assert (await post(api, f'"{key}"')).json()["id"] == first.json()["id"]


async def test_escapes_in_a_quoted_key_stand_for_what_they_escape(api: httpx.AsyncClient, key: str) -> None:
    first = await post(api, rf"{key}\x")
    assert (await post(api, rf'"{key}\\x"')).json()["id"] == first.json()["id"]


async def test_keys_differ_by_case(api: httpx.AsyncClient, key: str) -> None:
    assert (await post(api, f"{key}k")).json()["id"] != (await post(api, f"{key}K")).json()["id"]


@pytest.mark.parametrize("length", [1, 255])
async def test_the_shortest_and_the_longest_key_are_taken(api: httpx.AsyncClient, length: int) -> None:
    key = "".join(uuid.uuid4().hex for _ in range(8))[:length]
    for written in (key, f'"{key}"'):
        answer = await post(api, written, text=key)
        assert answer.status_code in (200, 202), answer.text


@pytest.mark.parametrize(
    "key", ["", '""', "a" * 256, '"' + "a" * 256 + '"', "a b", '"a b"', '"open', "a\tb", "é", '"a"b"']
)
async def test_what_is_no_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.post(ECHO, json=HI, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    problem = problem_of(answer, 400, "invalid-header")
    assert problem["header"] == "Idempotency-Key"
    assert "255" in problem["detail"]


async def test_two_keys_are_refused(api: httpx.AsyncClient) -> None:
    lines = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    problem_of(await api.post(ECHO, json=HI, headers=lines), 400, "invalid-header")


async def test_a_key_with_another_body_is_refused(api: httpx.AsyncClient, key: str) -> None:
    first = await post(api, key)
    problem_of(await post(api, key, text="another"), 422, "idempotency-key-reused")
    assert (await post(api, key)).json()["id"] == first.json()["id"]


async def test_a_key_is_scoped_to_its_operation(api: httpx.AsyncClient, key: str) -> None:
    first = await post(api, key)
    second = await submitted(api, CHECKOUT, idempotency_key=key)
    assert second["id"] != first.json()["id"]


async def test_a_validation_failure_is_not_stored_under_its_key(api: httpx.AsyncClient, key: str) -> None:
    problem_of(await post(api, key, text=""), 422, "invalid-parameters")
    answer = await post(api, key)
    assert answer.status_code in (200, 202)
    assert "idempotency-replayed" not in answer.headers


async def test_a_refusal_is_not_stored_under_its_key(api: httpx.AsyncClient, steer: Steer, key: str) -> None:
    await steer("payments", latency=constant(0))
    body = {"cart_id": key, "amount_cents": 1, "items": [{"sku": "A", "quantity": 1}]}
    headers = {"Idempotency-Key": key}
    refused = await api.post(CHECKOUT, json=body, headers={**headers, "Request-Timeout": "0.01"})
    refused_for_now(refused, "deadline-unattainable")
    answer = await api.post(CHECKOUT, json=body, headers=headers)
    assert answer.status_code == 202
    assert "idempotency-replayed" not in answer.headers
