"""deploy/nginx in front of real gateways, as clients meet it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from bff.catalog.clients import hash_of
from gateway.body import LIMIT_BYTES
from gateway.problems import PROBLEM_TYPES
from tests.contract.calls import CART, CHECKOUT, ECHO, HI, MEBIBYTE, Steer, client_of, constant, problem_of, submitted
from tests.contract.conftest import anyio_backend, mock, steer
from tests.contract.sockets import socket
from tests.contract.stack import Gateway, Up, gateway
from tests.contract.streams import stream
from tests.contract.wire import answer_in, connection, read_all, request
from tests.deploy.proxy import HangsUp, Proxy, proxy

pytestmark = pytest.mark.anyio

__all__ = ["anyio_backend", "mock", "steer"]

KEY, ADMIN = f"bff_{'k' * 43}", f"bff_{'a' * 43}"
CLIENTS = f"""
[clients.shop]
key_hashes = ["{hash_of(KEY)}"]
[admin]
key_hashes = ["{hash_of(ADMIN)}"]
"""
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    file.write_text(CLIENTS)
    return f"--clients={file}"


@pytest.fixture(scope="module")
def gateways(stack: Up, clients: str) -> Iterator[list[Gateway]]:
    with ThreadPoolExecutor() as pool, ExitStack() as started:
        both = [gateway(stack.redis_url, "--auth", clients) for _ in range(2)]
        yield list(pool.map(started.enter_context, both))


@pytest.fixture(scope="module")
def front(gateways: list[Gateway], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxy(tmp_path_factory.mktemp("nginx"), *(each.url for each in gateways)) as started:
        yield started


@pytest.fixture
async def api(front: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(front.url) as client:
        client.headers.update(AUTHORIZED)
        yield client


async def test_each_way_to_get_a_result_works_and_nothing_is_kept_back(
    front: Proxy, api: httpx.AsyncClient, steer: Steer
) -> None:
    """Long poll, event stream and WebSocket wait two seconds for one job; the last two hear of it before its end."""
    await steer("payments", latency=constant(2))
    job = await submitted(api, CHECKOUT)
    path = f"/v1/jobs/{job['id']}"
    held = asyncio.create_task(api.get(path, headers={"Prefer": "wait=30"}))
    async with stream(api, job["id"]) as opened, socket(front.url, additional_headers=AUTHORIZED) as subscribed:
        events = opened.events()
        assert (await anext(events)).job["status"] in ("queued", "running")
        assert (await subscribed.subscribe(job["id"]))["type"] == "job"
        assert not held.done()
        assert (await subscribed.until_done())[-1]["job"]["status"] == "succeeded"
        assert [event.job["status"] async for event in events][-1] == "succeeded"
    assert (await held).json()["status"] == "succeeded"
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["id"]) == (200, job["id"])


async def test_pages_of_this_origin_are_told_from_others_by_the_host_that_was_asked_for(front: Proxy) -> None:
    async with socket(front.url, origin=front.url, additional_headers=AUTHORIZED) as ours:
        await ours.say("ping")
        assert await ours.hear() == {"type": "pong"}
    async with socket(front.url, origin="http://elsewhere.example", additional_headers=AUTHORIZED) as theirs:
        assert (await theirs.closed())[0] == 4403


async def test_a_session_is_good_at_every_gateway(front: Proxy) -> None:
    async with client_of(front.url) as browser:
        signed_in = await browser.post("/sign-in", data={"key": KEY, "next": "/"}, headers={"Origin": front.url})
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
        for _ in range(4):
            assert '<a href="/sign-in">' not in (await browser.get("/")).text
    assert len({told["gateway"] for told in front.requests() if told["path"] == "/"}) == 2


async def test_what_a_client_claims_of_proxies_before_it_is_not_believed(front: Proxy) -> None:
    """A cookie that only goes over TLS would never come back over this connection."""
    async with client_of(front.url) as browser:
        claims = {"Origin": front.url, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
        signed_in = await browser.post("/sign-in", data={"key": KEY, "next": "/"}, headers=claims)
    assert "Secure" not in signed_in.headers["set-cookie"]


REFUSED = {
    "body-too-large": request("POST", ECHO, f"Content-Length: {MEBIBYTE + 1}", body=b" " * (MEBIBYTE + 1)),
    "head-too-large": request("GET", "/", f"X-Long: {'x' * 17_000}"),
    "malformed-request": b"GARBAGE\r\n\r\n",
    "method-not-allowed": request("TRACE", "/"),
    "not-found": request("GET", "/admin/v1/dead-letters", f"Authorization: Bearer {ADMIN}"),
}


@pytest.mark.parametrize(
    "sent",
    [request("POST", ECHO, "Transfer-Encoding: gzip"), b"GET / HTTP/9.0\r\nHost: gateway\r\n\r\n"],
    ids=["coding", "version"],
)
def test_what_the_proxy_does_not_speak_is_a_malformed_request(front: Proxy, sent: bytes) -> None:
    with connection(front.url) as wire:
        wire.sendall(sent)
        problem_of(answer_in(read_all(wire)).as_response(), 400, "malformed-request")


@pytest.mark.parametrize("slug", REFUSED)
def test_what_the_proxy_refuses_is_the_problem_that_a_gateway_would_answer(front: Proxy, slug: str) -> None:
    with connection(front.url) as wire:
        wire.sendall(REFUSED[slug])
        answer = answer_in(read_all(wire)).as_response()
    problem = problem_of(answer, PROBLEM_TYPES[slug].status, slug)
    assert problem["title"] == PROBLEM_TYPES[slug].title
    if slug == "body-too-large":
        assert problem["limit_bytes"] == LIMIT_BYTES


async def test_a_body_of_the_largest_size_passes(api: httpx.AsyncClient) -> None:
    content = b'{"text": "' + b"x" * (MEBIBYTE - 12) + b'"}'
    assert len(content) == MEBIBYTE
    problem_of(
        await api.post(ECHO, content=content, headers={"Content-Type": "application/json"}), 422, "invalid-parameters"
    )


async def test_operators_paths_are_on_a_port_of_their_own(front: Proxy, api: httpx.AsyncClient) -> None:
    for path in ("/metrics", "/admin", "/admin/v1/dead-letters", "/console"):
        problem_of(await api.get(path), 404, "not-found")
    async with client_of(front.operators_url) as operators:
        operators.headers["Authorization"] = f"Bearer {ADMIN}"
        assert (await operators.get("/admin/v1/dead-letters")).status_code == 200
        assert "bff_queue_depth" in (await operators.get("/metrics")).text
        assert (await operators.get("/-/alive")).status_code == 204


async def test_a_post_in_doubt_goes_to_another_gateway_only_under_a_key(tmp_path: Path) -> None:
    with HangsUp() as one, HangsUp() as two, proxy(tmp_path, one.url, two.url) as front:
        async with client_of(front.url) as api:
            problem_of(await api.post(ECHO, json=HI), 503, "gateway-unavailable")
            assert len(one.heads) + len(two.heads) == 1
    with HangsUp() as one, HangsUp() as two, proxy(tmp_path / "again", one.url, two.url) as front:
        async with client_of(front.url) as api:
            answer = await api.post(ECHO, json=HI, headers={"Idempotency-Key": "k"})
            problem_of(answer, 503, "gateway-unavailable")
            assert (len(one.heads), len(two.heads)) == (1, 1)


async def test_a_gateway_is_told_how_a_client_came_and_only_of_a_websockets_wish(tmp_path: Path) -> None:
    """Another protocol, h2c, would carry requests past the proxy's rules."""
    wish = {"Connection": "Upgrade", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    with HangsUp() as gateway, proxy(tmp_path, gateway.url) as front:
        async with client_of(front.url) as api:
            await api.get("/", headers={"Upgrade": "h2c", **wish})
            await api.get("/v1/ws", headers={"Upgrade": "websocket", **wish})
    other, websocket = gateway.heads
    assert (other["Connection"], other["Upgrade"]) == ("close", None)
    assert (websocket["Connection"], websocket["Upgrade"]) == ("upgrade", "websocket")
    for head in gateway.heads:
        assert head["Host"] == front.url.removeprefix("http://")
        assert (head["X-Forwarded-Proto"], head["X-Forwarded-For"]) == ("http", "127.0.0.1")


async def test_a_gateway_that_leaves_is_noticed_by_nobody(
    stack: Up, gateways: list[Gateway], clients: str, tmp_path: Path
) -> None:
    answers: list[int] = []
    with gateway(stack.redis_url, "--auth", clients) as leaving, proxy(tmp_path, leaving.url, gateways[0].url) as front:
        async with client_of(front.url) as api:
            api.headers.update(AUTHORIZED)
            gone = asyncio.create_task(asyncio.to_thread(leaving.process.wait))

            async def go_on(who: int) -> None:
                while not gone.done() or len(answers) < 200:
                    key = {"Idempotency-Key": f"leaving-{who}-{len(answers)}"}
                    taken = await api.post(ECHO, json=HI, headers=key)
                    answers.append(taken.status_code)
                    if taken.status_code == 202:
                        answers.append((await api.get(taken.headers["location"])).status_code)

            working = asyncio.gather(*map(go_on, range(8)))
            while len(answers) < 50:
                await asyncio.sleep(0.01)
            leaving.tell_to_end()
            await working
        assert set(answers) == {200, 202}
        assert len({told["gateway"] for told in front.requests()}) >= 2


async def test_without_a_gateway_there_is_a_problem_that_says_when_to_come_again(tmp_path: Path) -> None:
    with proxy(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2") as front:
        async with client_of(front.url) as api:
            for answer in (await api.get("/v1/jobs?id=1"), await api.post(CHECKOUT, json=CART)):
                problem = problem_of(answer, 503, "gateway-unavailable")
                assert problem["title"] == PROBLEM_TYPES["gateway-unavailable"].title
                assert problem["instance"] == answer.request.url.path
                assert 1 <= int(answer.headers["retry-after"]) <= 3
