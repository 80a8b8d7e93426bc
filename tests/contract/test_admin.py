"""Operators look at dead letters, replay and discard them over HTTP, with a key of their own."""

import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from bff.broker.keys import Keys
from bff.broker.pipeline import Pipeline
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import hash_of
from tests.broker.world import World
from tests.contract.calls import Json, client_of, problem_of
from tests.contract.stack import Gateway, Up, gateway

pytestmark = pytest.mark.anyio

ROOT, CLIENT = f"bff_{'r' * 43}", f"bff_{'c' * 43}"
LETTERS = "/admin/v1/dead-letters"


@pytest.fixture(scope="module")
def prefix() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def alone(stack: Up, prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks clients for no key; operators it always asks."""
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    file.write_text(f'[clients.app]\nkey_hashes = ["{hash_of(CLIENT)}"]\n[admin]\nkey_hashes = ["{hash_of(ROOT)}"]\n')
    with gateway(stack.redis_url, f"--key-prefix={prefix}", f"--clients={file}") as started:
        yield started


@pytest.fixture
async def operator(alone: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(alone.url) as client:
        client.headers["Authorization"] = f"Bearer {ROOT}"
        yield client


@pytest.fixture
async def world(stack: Up, prefix: str) -> AsyncIterator[World]:
    pipeline = Pipeline(stack.redis_url)
    yield World(pipeline, load_catalog(), Keys(prefix))
    await pipeline.aclose()


async def a_letter(world: World) -> str:
    """A call that ended three workers: its job."""
    job_id = await world.accepted("echo", parameters=b'{"text":"hi"}')
    await world.set("echo", timeout_ms=-1000)
    while await world.take("echo"):
        assert (await world.lanes("echo").reclaim())[0] >= 1
    return job_id


async def listed(operator: httpx.AsyncClient, **query: str) -> list[Json]:
    answer = await operator.get(LETTERS, params=query)
    assert answer.status_code == 200, answer.text
    letters: list[Json] = answer.json()["dead_letters"]
    return letters


@pytest.mark.parametrize("key", [None, CLIENT, "bff_wrong"])
async def test_nobody_else_sees_or_does_anything(alone: Gateway, key: str | None) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with client_of(alone.url) as client:
        for method, path in (("GET", LETTERS), ("POST", f"{LETTERS}/1-1/replay"), ("DELETE", f"{LETTERS}/1-1")):
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
    await world.redis.execute(
        "XADD", world.keys.dead(), "*", "kind", "entry", "lane", "x", "service", "echo", "fields", "{}"
    )
    letter = (await listed(operator))[-1]
    problem = problem_of(await operator.post(f"{LETTERS}/{letter['id']}/replay"), 409, "not-replayed")
    assert "discard it" in problem["detail"]


@pytest.mark.parametrize("letter_id", ["x", "1", "-", "99999999999999999999-1", "1-1", "%2B"])
async def test_what_is_no_letter_is_unknown(operator: httpx.AsyncClient, letter_id: str) -> None:
    problem_of(await operator.post(f"{LETTERS}/{letter_id}/replay"), 404, "unknown-dead-letter")
    problem_of(await operator.delete(f"{LETTERS}/{letter_id}"), 404, "unknown-dead-letter")
