"""Who may wait, and for what: keys, tickets and bounds on WebSockets and event streams."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bff.catalog.clients import hash_of
from tests.contract.calls import CHECKOUT, Steer, constant, job_where, problem_of, submitted
from tests.contract.sockets import socket
from tests.contract.stack import Gateway, Up, gateway
from tests.contract.streams import stream

pytestmark = pytest.mark.anyio

ALICE, BOB, CAROL, NEW = (f"bff_{letter * 43}" for letter in "abcn")
CLIENTS = f"""
[clients.alice]
key_hashes = ["{hash_of(ALICE)}"]
[clients.bob]
key_hashes = ["{hash_of(BOB)}"]
"""
CAROLS = f"""
[clients.carol]
key_hashes = ["{hash_of(CAROL)}"]
max_waiters = 2
"""
UNKNOWN = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    file.write_text(CLIENTS + CAROLS)
    return file


@pytest.fixture(scope="module")
def guarded(stack: Up, clients: Path) -> Iterator[Gateway]:
    with gateway(stack.redis_url, "--auth", f"--clients={clients}", f"--downstream-url={stack.mock_url}") as started:
        yield started


def keyed(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def holder_of(key: str, url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=45, trust_env=False, headers=keyed(key))


@pytest.fixture
async def alice(guarded: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with holder_of(ALICE, guarded.url) as client:
        yield client


async def test_a_key_in_the_header_is_enough(alice: httpx.AsyncClient, guarded: Gateway) -> None:
    job = await submitted(alice)
    async with socket(guarded.url, additional_headers=keyed(ALICE)) as client:
        assert (await client.subscribe(job["id"]))["job"]["id"] == job["id"]
        await client.until_done()
        await client.say("hello")
        assert (await client.hear())["client"] == "alice"


async def test_a_ticket_is_good_for_one_socket(alice: httpx.AsyncClient, guarded: Gateway) -> None:
    job = await submitted(alice)
    ticket = (await alice.post("/v1/ws-tickets")).json()["ticket"]
    async with socket(guarded.url) as client:
        await client.say("hello", ticket=ticket)
        assert await client.hear() == {"type": "welcome", "client": "alice", "heartbeat_seconds": 20}
        assert (await client.subscribe(job["id"]))["job"]["id"] == job["id"]
    async with socket(guarded.url) as client:
        await client.say("hello", ticket=ticket)
        assert await client.closed() == (4401, [])


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Basic YTpi", ""])
async def test_a_key_that_is_not_known_closes_the_socket(guarded: Gateway, authorization: str) -> None:
    async with socket(guarded.url, additional_headers={"Authorization": authorization}) as client:
        assert await client.closed() == (4401, [])


@pytest.mark.parametrize(
    "first", [{"type": "hello"}, {"type": "hello", "ticket": "wrong"}, {"type": "hello", "ticket": ""},
              {"type": "subscribe", "id": UNKNOWN}, {"type": "ping"}],
)  # fmt: skip
async def test_without_a_good_ticket_first_it_is_closed(guarded: Gateway, first: dict[str, str]) -> None:
    async with socket(guarded.url) as client:
        await client.say(**{"type_" if name == "type" else name: value for name, value in first.items()})
        assert await client.closed() == (4401, [])


async def test_who_says_nothing_is_closed_after_three_seconds(guarded: Gateway) -> None:
    began = asyncio.get_running_loop().time()
    async with socket(guarded.url) as client:
        assert await client.closed() == (4408, [])
    assert 2.9 < asyncio.get_running_loop().time() - began < 10


async def test_anothers_job_is_like_one_that_never_was(alice: httpx.AsyncClient, guarded: Gateway) -> None:
    job = await submitted(alice)
    async with socket(guarded.url, additional_headers=keyed(BOB)) as client:
        answers = [await client.subscribe(job_id) for job_id in (job["id"], UNKNOWN)]
    for answer, job_id in zip(answers, (job["id"], UNKNOWN), strict=True):
        assert answer.pop("id") == job_id
        assert answer["problem"].pop("instance") == f"/v1/jobs/{job_id}"
    assert answers[0] == answers[1]
    async with holder_of(BOB, guarded.url) as bob:
        of_alice, of_nobody = [await bob.get(f"/v1/jobs/{job_id}/events") for job_id in (job["id"], UNKNOWN)]
        assert problem_of(of_alice, 404, "unknown-job")["detail"] == problem_of(of_nobody, 404, "unknown-job")["detail"]
        problem_of(await bob.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"}), 404, "unknown-job")


async def test_a_stream_asks_for_the_key(guarded: Gateway) -> None:
    async with httpx.AsyncClient(base_url=guarded.url, trust_env=False) as nobody:
        problem_of(await nobody.get(f"/v1/jobs/{UNKNOWN}/events"), 401, "unauthorized")


async def test_a_client_waits_for_no_more_than_it_may(guarded: Gateway, steer: Steer) -> None:
    await steer("payments", latency=constant(5))
    async with holder_of(CAROL, guarded.url) as carol:
        job = await submitted(carol, CHECKOUT)
        async with stream(carol, job["id"]), socket(guarded.url, additional_headers=keyed(CAROL)) as second:
            assert (await second.subscribe(job["id"]))["type"] == "job"
            refused = await carol.get(f"/v1/jobs/{job['id']}/events")
            problem_of(refused, 503, "too-many-waiters")
            assert int(refused.headers["retry-after"]) >= 1
            async with socket(guarded.url, additional_headers=keyed(CAROL)) as third:
                assert await third.closed() == (1013, [])
            polled = await carol.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"})
            assert polled.json()["status"] in ("queued", "running")
            async with socket(guarded.url, additional_headers=keyed(ALICE)) as others:
                await others.say("ping")
                assert await others.hear() == {"type": "pong"}
        await carol.delete(f"/v1/jobs/{job['id']}")


async def test_a_key_that_is_taken_back_closes_its_sockets_at_the_next_change(
    guarded: Gateway, clients: Path, steer: Steer
) -> None:
    await steer("payments", latency=constant(3))
    async with holder_of(CAROL, guarded.url) as carol:
        job = await submitted(carol, CHECKOUT)
        await job_where(carol, job["id"], lambda job: job["calls"]["charge"]["status"] == "running")
        async with (
            socket(guarded.url, additional_headers=keyed(CAROL)) as waiting,
            socket(guarded.url, additional_headers=keyed(CAROL)) as asking,
        ):
            assert (await waiting.subscribe(job["id"]))["type"] == "job"
            clients.write_text(CLIENTS)
            while (await carol.get("/v1/jobs?id=x")).status_code != 401:
                await asyncio.sleep(0.1)
            await asking.say("ping")
            assert await asking.closed() == (4401, [])
            assert await waiting.closed() == (4401, [])
    clients.write_text(CLIENTS + CAROLS)


async def test_what_a_leaked_key_has_opened_ends_with_it_although_its_client_stays(
    guarded: Gateway, clients: Path, steer: Steer
) -> None:
    await steer("payments", latency=constant(3))
    async with holder_of(BOB, guarded.url) as bob:
        job = await submitted(bob, CHECKOUT)
        await job_where(bob, job["id"], lambda job: job["calls"]["charge"]["status"] == "running")
        used, kept = [(await bob.post("/v1/ws-tickets")).json()["ticket"] for _ in range(2)]
        async with socket(guarded.url) as waiting, stream(bob, job["id"]) as streaming:
            await waiting.say("hello", ticket=used)
            assert (await waiting.hear())["type"] == "welcome"
            assert (await waiting.subscribe(job["id"]))["type"] == "job"
            held = asyncio.create_task(bob.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"}))
            await asyncio.sleep(0)
            clients.write_text(CLIENTS.replace(hash_of(BOB), hash_of(NEW)) + CAROLS)
            while (await bob.get("/v1/jobs?id=x")).status_code != 401:
                await asyncio.sleep(0.1)
            async with socket(guarded.url) as late:
                await late.say("hello", ticket=kept)
                assert await late.closed() == (4401, [])
            assert await waiting.closed() == (4401, [])
            assert not [event async for event in streaming.events() if event.job["status"] == "succeeded"]
            problem_of(await held, 401, "unauthorized")
    clients.write_text(CLIENTS + CAROLS)
