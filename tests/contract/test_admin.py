"""Operators look at dead letters, replay and discard them over HTTP, with a key of their own."""

import httpx
import pytest

from tests.broker.world import World
from tests.contract.calls import Json, client_of, problem_of
from tests.contract.operators import CLIENT, a_letter, an_entry_of_nobody
from tests.contract.stack import Gateway

pytestmark = pytest.mark.anyio

LETTERS = "/admin/v1/dead-letters"
SERVICE = "/admin/v1/services/echo"
ROUTES = [
    ("GET", LETTERS),
    ("POST", f"{LETTERS}/1-1/replay"),
    ("POST", f"{LETTERS}/replay?service=echo"),
    ("DELETE", f"{LETTERS}/1-1"),
    *(("GET", f"/admin/v1/{noun}") for noun in ("queues", "services", "workers", "overview", "rollout", "jobs/x")),
    ("POST", f"{SERVICE}/pause"),
    ("POST", f"{SERVICE}/resume"),
    ("PUT", f"{SERVICE}/breaker"),
    ("PUT", "/admin/v1/rollout/echo"),
    ("POST", "/admin/v1/ws-tickets"),
]


async def listed(operator: httpx.AsyncClient, **query: str) -> list[Json]:
    answer = await operator.get(LETTERS, params=query)
    assert answer.status_code == 200, answer.text
    letters: list[Json] = answer.json()["dead_letters"]
    return letters


@pytest.mark.parametrize("key", [None, CLIENT, "bff_wrong"])
async def test_nobody_else_sees_or_does_anything(alone: Gateway, key: str | None) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with client_of(alone.url) as client:
        for method, path in ROUTES:
            answer = await client.request(method, path, headers=headers)
            problem_of(answer, 401 if key is None else 403, "unauthorized" if key is None else "forbidden")


async def test_a_letter_is_listed_and_replayed_as_a_new_job(operator: httpx.AsyncClient, world: World) -> None:
    job_id = await a_letter(world)
    letter = next(each for each in await listed(operator) if each["job"] == job_id)
    assert (letter["kind"], letter["service"], letter["parameters"]) == ("call", "echo", {"text": "hi"})
    answer = await operator.post(f"{LETTERS}/{letter['id']}/replay")
    assert answer.status_code == 200
    again = (await operator.get(f"/v1/jobs/{answer.json()['job']}")).json()
    assert (again["status"], again["operation"]) == ("queued", "echo")
    problem_of(await operator.post(f"{LETTERS}/{letter['id']}/replay"), 404, "unknown-dead-letter")


async def test_letters_are_paged_and_chosen_by_service(operator: httpx.AsyncClient, world: World) -> None:
    jobs = [await a_letter(world) for _ in range(2)]
    first, second = [each for each in await listed(operator, service="echo") if each["job"] in jobs]
    assert next(iter(await listed(operator, after=first["id"])))["id"] == second["id"]
    assert await listed(operator, after=second["id"]) == []
    assert await listed(operator, after="9" * 19 + "-" + "9" * 19) == []
    assert first in await listed(operator, after="x")
    assert await listed(operator, service="payments") == []


async def test_a_discarded_letter_is_gone(operator: httpx.AsyncClient, world: World) -> None:
    job_id = await a_letter(world)
    letter = next(each for each in await listed(operator) if each["job"] == job_id)
    assert (await operator.delete(f"{LETTERS}/{letter['id']}")).status_code == 204
    problem_of(await operator.delete(f"{LETTERS}/{letter['id']}"), 404, "unknown-dead-letter")
    assert job_id not in [each["job"] for each in await listed(operator)]


async def test_what_cannot_be_replayed_says_why(operator: httpx.AsyncClient, world: World) -> None:
    await an_entry_of_nobody(world)
    letter = (await listed(operator))[-1]
    problem = problem_of(await operator.post(f"{LETTERS}/{letter['id']}/replay"), 409, "not-replayed")
    assert "discard it" in problem["detail"]


@pytest.mark.parametrize("letter_id", ["x", "1", "-", "99999999999999999999-1", "1-1", "%2B"])
async def test_what_is_no_letter_is_unknown(operator: httpx.AsyncClient, letter_id: str) -> None:
    problem_of(await operator.post(f"{LETTERS}/{letter_id}/replay"), 404, "unknown-dead-letter")
    problem_of(await operator.delete(f"{LETTERS}/{letter_id}"), 404, "unknown-dead-letter")


async def test_all_of_a_service_are_replayed_at_once_and_what_cannot_be_is_said(
    operator: httpx.AsyncClient, world: World
) -> None:
    jobs = [await a_letter(world) for _ in range(2)]
    await an_entry_of_nobody(world)
    letters = await listed(operator, service="echo")
    answer = await operator.post(f"{LETTERS}/replay", params={"service": "echo"})
    assert answer.status_code == 200, answer.text
    came = answer.json()
    assert {each["job"] for each in letters} >= set(jobs)
    replayed = {letter["id"] for letter in letters if letter["kind"] == "call"}
    assert {each["id"] for each in came["replayed"]} == replayed
    assert "discard it" in came["refused"][-1]["detail"]
    assert came["next"] is None
    for each in came["replayed"]:
        assert (await operator.get(f"/v1/jobs/{each['job']}")).json()["status"] == "queued"
    left = await listed(operator, service="echo")
    assert {each["kind"] for each in left} == {"entry"}
    again = (await operator.post(f"{LETTERS}/replay", params={"service": "echo", "after": left[-1]["id"]})).json()
    assert again == {"replayed": [], "refused": [], "next": None}


async def test_whose_letters_are_to_be_replayed_has_to_be_said(operator: httpx.AsyncClient) -> None:
    problem_of(await operator.post(f"{LETTERS}/replay"), 400, "invalid-query")
