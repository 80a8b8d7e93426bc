"""With authentication on: who has no key gets nothing, and who has one sees nothing of another's."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bff.catalog.clients import hash_of, new_key
from tests.contract.calls import CART, CHECKOUT, ECHO, HI, Json, client_of, ended, hour_old_id, job_where, problem_of
from tests.contract.stack import Command, Gateway, Up, gateway

pytestmark = pytest.mark.anyio

ALICE, BOB, CAROL, ROOT = (f"bff_{letter * 43}" for letter in "abcr")
CLIENTS = f"""
[clients.alice]
key_hashes = ["{hash_of(ALICE)}"]
[clients.bob]
key_hashes = ["{hash_of(BOB)}"]
[clients.carol]
key_hashes = ["{hash_of(CAROL)}"]
operations = ["echo"]
highest_priority = "low"
requests = 2
[admin]
key_hashes = ["{hash_of(ROOT)}"]
"""
SOME_ID = "01a207c5-d6e0-7016-9381-2bebadf0813b"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    file.write_text(CLIENTS)
    return file


@pytest.fixture(scope="module")
def guarded(stack: Up, clients: Path) -> Iterator[Gateway]:
    """A gateway that asks for keys, over the lanes and the worker of the stack."""
    options = ("--auth", f"--clients={clients}", f"--downstream-url={stack.mock_url}")
    with gateway(stack.redis_url, *options) as started:
        yield started


def holder_of(key: str, url: str) -> httpx.AsyncClient:
    client = client_of(url)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


@pytest.fixture
async def alice(guarded: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with holder_of(ALICE, guarded.url) as client:
        yield client


@pytest.fixture
async def bob(guarded: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with holder_of(BOB, guarded.url) as client:
        yield client


CLOSED = [
    ("POST", ECHO),
    ("GET", f"/v1/jobs/{SOME_ID}"),
    ("GET", f"/v1/jobs/{SOME_ID}?wait=1"),
    ("GET", f"/v1/jobs/{SOME_ID}/result"),
    ("GET", f"/v1/jobs?id={SOME_ID}"),
    ("DELETE", f"/v1/jobs/{SOME_ID}"),
    ("POST", "/v1/ws-tickets"),
]


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        f"Basic {ALICE}",
        ALICE,
        f"Bearer {ALICE}x",
        f"Bearer {ALICE[:-1]}",
        f"Bearer {hash_of(ALICE)}",
        f"Bearer {ROOT}",
        "Bearer \xff\xfe",
    ],
)
async def test_without_a_known_key_nothing_is_answered(guarded: Gateway, authorization: str | None) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    async with client_of(guarded.url) as api:
        for method, path in CLOSED:
            answer = await api.request(method, path, json=HI if method == "POST" else None, headers=headers)
            problem_of(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_in_the_address_is_none(guarded: Gateway) -> None:
    async with client_of(guarded.url) as api:
        for name in ("key", "token", "access_token", "api_key", "authorization"):
            problem_of(await api.get(f"/v1/jobs/{SOME_ID}?{name}={ALICE}"), 401, "unauthorized")


async def test_what_is_for_everybody_asks_for_no_key(guarded: Gateway) -> None:
    async with client_of(guarded.url) as api:
        for path in ("/livez", "/readyz", "/docs", "/openapi.json", "/problems/unauthorized", "/metrics"):
            assert (await api.get(path)).status_code == 200, path


async def test_the_scheme_may_be_written_in_any_case(guarded: Gateway) -> None:
    async with client_of(guarded.url) as api:
        answer = await api.post(ECHO, json=HI, headers={"Authorization": f"bEARER  {ALICE}"})
        assert answer.status_code == 202


def as_anybodys(answer: httpx.Response, job_id: str) -> Any:
    """What is left of an answer without what names the request and the job."""
    problem = answer.json()
    correlation_id = problem.pop("correlation_id")
    assert job_id not in correlation_id
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-correlation-id")}
    return answer.status_code, headers, {k: str(v).replace(job_id, "ID") for k, v in problem.items()}


async def test_anothers_job_looks_like_one_that_never_was(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    pending: Json = (await alice.post(CHECKOUT, json=CART)).json()
    done: Json = (await alice.post(ECHO, json=HI, headers={"Prefer": "wait=20"})).json()
    assert done["status"] == "succeeded"
    for job in (pending, done):
        for method, path in (
            ("GET", "/v1/jobs/{}"),
            ("GET", "/v1/jobs/{}?wait=20"),
            ("GET", "/v1/jobs/{}/result"),
            ("DELETE", "/v1/jobs/{}"),
        ):
            nobodys = hour_old_id(0)
            theirs = await bob.request(method, path.format(job["id"]))
            unknown = await bob.request(method, path.format(nobodys))
            problem_of(theirs, 404, "unknown-job")
            assert as_anybodys(theirs, job["id"]) == as_anybodys(unknown, nobodys)
    listed = await bob.get("/v1/jobs", params={"id": [pending["id"], done["id"]]})
    assert listed.json() == {"jobs": []}
    assert (await job_where(alice, pending["id"], ended))["status"] == "succeeded"


async def test_the_same_idempotency_key_of_two_clients_makes_two_jobs(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": new_key()}
    one = (await alice.post(ECHO, json=HI, headers=key)).json()
    other = await bob.post(ECHO, json=HI, headers=key)
    assert other.status_code == 202
    assert other.json()["id"] != one["id"]
    assert "idempotency-replayed" not in other.headers


async def test_a_key_has_its_own_operations_priorities_and_quota(guarded: Gateway, alice: httpx.AsyncClient) -> None:
    high = {"Request-Priority": "high"}
    async with holder_of(CAROL, guarded.url) as carol:
        problem_of(await carol.post(CHECKOUT, json=CART), 403, "forbidden")
        asked = await carol.post(ECHO, json=HI, headers=high)
        assert (asked.status_code, asked.json()["priority"]) == (202, "low")
        assert asked.headers["ratelimit"].startswith('"requests";r=1;')
        assert (await carol.post(ECHO, json=HI)).status_code == 202
        problem_of(await carol.post(ECHO, json=HI), 429, "quota-exceeded")
    theirs = await alice.post(ECHO, json=HI, headers=high)
    assert (theirs.status_code, theirs.json()["priority"]) == (202, "high")
    assert "ratelimit" not in theirs.headers


async def test_a_key_that_is_taken_out_of_the_file_stops_working_without_a_restart(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, clients: Path
) -> None:
    assert (await alice.get(f"/v1/jobs?id={SOME_ID}")).status_code == 200
    clients.write_text(CLIENTS.replace(hash_of(ALICE), hash_of("bff_another")))
    while (await alice.get(f"/v1/jobs?id={SOME_ID}")).status_code == 200:
        await asyncio.sleep(0.02)
    problem_of(await alice.post(ECHO, json=HI), 401, "unauthorized")
    assert (await bob.get(f"/v1/jobs?id={SOME_ID}")).status_code == 200
    clients.write_text(CLIENTS)
    while (await alice.get(f"/v1/jobs?id={SOME_ID}")).status_code == 401:
        await asyncio.sleep(0.02)


async def test_a_ticket_is_given_to_who_has_a_key(alice: httpx.AsyncClient) -> None:
    answers = [await alice.post("/v1/ws-tickets") for _ in range(2)]
    assert [(answer.status_code, answer.headers["cache-control"]) for answer in answers] == [(201, "no-store")] * 2
    assert answers[0].json()["expires_in"] == 30
    assert answers[0].json()["ticket"] != answers[1].json()["ticket"]


async def test_a_clients_file_that_is_wrong_keeps_a_gateway_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    file.write_text("[clients.app]\nkeys = 3\n")
    command = Command("gateway", "--port=0", f"--clients={file}")
    assert command.process.wait(timeout=60) == 1
    assert command.process.stdout
    said = command.process.stdout.read()
    command.process.stdout.close()
    assert said.count("\n") == 1
    assert "line 2: clients.app.keys: unknown key" in said


async def test_an_operation_that_nobody_offers_is_said_at_the_start(stack: Up, tmp_path: Path) -> None:
    """It may be a slip; and it may be one that the next version offers."""
    file = tmp_path / "clients.toml"
    file.write_text('[clients.app]\noperations = ["echo", "checkot"]\n')
    with gateway(stack.redis_url, f"--clients={file}") as started:
        async with client_of(started.url) as api:
            assert (await api.get("/livez")).status_code == 200
        said = [line for line in started.seen if "does not offer" in line]
    assert len(said) == 1
    assert "client app may ask for checkot" in said[0]
