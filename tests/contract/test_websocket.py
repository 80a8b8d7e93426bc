"""The WebSocket: every row of its table, by a real client."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.contract.calls import (
    CHECKOUT,
    Steer,
    a_job_that_ended,
    a_running_job,
    constant,
    ended,
    hour_old_id,
    job_where,
    problem_of,
    submitted,
)
from tests.contract.sockets import OURS, socket
from tests.contract.stack import Up
from tests.contract.wire import exchange, request

pytestmark = pytest.mark.anyio

UNKNOWN = "01900000-0000-7000-8000-000000000000"


async def test_a_subscriber_gets_the_job_at_once_then_every_change_then_done(
    api: httpx.AsyncClient, stack: Up, steer: Steer
) -> None:
    await steer("payments", latency=constant(0.5))
    job = await submitted(api, CHECKOUT)
    async with socket(stack.gateway_url) as client:
        assert client.connection.subprotocol == OURS
        first = await client.subscribe(job["id"])
        assert (first["type"], first["job"]["id"]) == ("job", job["id"])
        heard = [first, *await client.until_done()]
    versions = [message["version"] for message in heard]
    assert versions == sorted(set(versions))
    assert {message["type"] for message in heard} == {"job"}
    assert [message["job"]["status"] for message in heard][-1] == "succeeded"
    assert not any(ended(message["job"]) for message in heard[:-1])
    assert heard[-1]["job"] == (await api.get(f"/v1/jobs/{job['id']}")).json()
    assert f'"{heard[-1]["version"]}"' == (await api.get(f"/v1/jobs/{job['id']}")).headers["etag"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired", "cancelled"])
async def test_of_a_job_that_has_ended_it_gets_the_end_and_done(
    api: httpx.AsyncClient, stack: Up, steer: Steer, status: str
) -> None:
    job = await a_job_that_ended(api, steer, status)
    async with socket(stack.gateway_url) as client:
        first = await client.subscribe(job["id"])
        assert first["job"]["status"] == status
        assert await client.hear() == {"type": "done", "id": job["id"]}


async def test_what_was_seen_is_not_sent_again(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    version = int((await api.get(f"/v1/jobs/{job['id']}")).headers["etag"].strip('"'))
    async with socket(stack.gateway_url) as client:
        await client.say("subscribe", id=job["id"], after=version)
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}
        heard = await client.until_done()
        assert [message["job"]["status"] for message in heard] == ["succeeded"]
        assert heard[0]["version"] > version
        answer = await client.subscribe(job["id"], after=heard[0]["version"])
        assert answer == {"type": "done", "id": job["id"]}


async def test_an_end_that_was_seen_is_not_sent_again_although_compensations_went_on(
    api: httpx.AsyncClient, stack: Up, steer: Steer
) -> None:
    await steer("payments", error_rate=1.0, error_status=400)
    job = await submitted(api, CHECKOUT)
    async with socket(stack.gateway_url) as client:
        await client.say("subscribe", id=job["id"])
        end = (await client.until_done())[-1]
        await job_where(api, job["id"], lambda job: job["calls"].get("release", {}).get("status") == "succeeded")
        assert int((await api.get(f"/v1/jobs/{job['id']}")).headers["etag"].strip('"')) > end["version"]
        assert await client.subscribe(job["id"], after=end["version"]) == {"type": "done", "id": job["id"]}


async def test_who_unsubscribes_hears_no_more(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    async with socket(stack.gateway_url) as client:
        await client.subscribe(job["id"])
        await client.say("unsubscribe", id=job["id"])
        assert await client.hear() == {"type": "unsubscribed", "id": job["id"]}
        await job_where(api, job["id"], ended)
        await client.say("unsubscribe", id=UNKNOWN)
        assert await client.hear() == {"type": "unsubscribed", "id": UNKNOWN}


async def test_one_socket_carries_many_jobs(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    await steer("echo", latency=constant(0.2))
    jobs = {(await submitted(api))["id"] for _ in range(20)}
    async with socket(stack.gateway_url) as client:
        for job_id in jobs:
            await client.say("subscribe", id=job_id)
        last: dict[str, str] = {}
        done: set[str] = set()
        while done != jobs:
            message = await client.hear()
            if message["type"] == "done":
                done.add(message["id"])
            else:
                last[message["job"]["id"]] = message["job"]["status"]
        assert last == dict.fromkeys(jobs, "succeeded")


async def test_who_subscribes_again_is_answered_again(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    async with socket(stack.gateway_url) as client:
        for _ in range(3):
            assert (await client.subscribe(job["id"]))["job"]["status"] == "running"
        assert [message["job"]["status"] for message in await client.until_done()] == ["succeeded"]


async def test_a_hello_is_welcome_although_none_is_needed(stack: Up) -> None:
    async with socket(stack.gateway_url) as client:
        for _ in range(2):
            await client.say("hello")
            assert await client.hear() == {"type": "welcome", "client": "public", "heartbeat_seconds": 20}


@pytest.mark.parametrize(
    ("made", "status", "slug"),
    [
        (lambda: UNKNOWN, 404, "unknown-job"),
        (lambda: "no id", 404, "unknown-job"),
        (lambda: "", 404, "unknown-job"),
        (lambda: hour_old_id(36), 410, "job-gone"),
        (lambda: hour_old_id(72), 404, "unknown-job"),
    ],
    ids=["unknown", "no id", "empty", "gone", "long gone"],
)
async def test_an_id_that_is_not_known_gets_the_problem_that_http_gives(
    api: httpx.AsyncClient, stack: Up, made: Callable[[], str], status: int, slug: str
) -> None:
    job_id = made()
    async with socket(stack.gateway_url) as client:
        message = await client.subscribe(job_id)
        problem = message.pop("problem")
        assert message == {"type": "error", "id": job_id}
        assert (problem["status"], problem["type"]) == (status, f"/problems/{slug}")
        assert problem.keys() >= {"title", "detail", "instance", "correlation_id"}
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}
    if job_id == UNKNOWN:
        by_http = problem_of(await api.get(f"/v1/jobs/{job_id}"), status, slug)
        assert problem | {"correlation_id": 0} == by_http | {"correlation_id": 0}


MALFORMED: list[Any] = [
    "hello",
    "{",
    "[]",
    "null",
    "{}",
    '{"type": "welcome"}',
    '{"type": ["subscribe"]}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "id": 7}',
    '{"type": "subscribe", "id": "x", "after": "1"}',
    '{"type": "subscribe", "id": "x", "after": -1}',
    '{"type": "subscribe", "id": "x", "after": true}',
    '{"type": "unsubscribe"}',
    '{"type": "hello", "ticket": 7}',
    b'{"type": "ping"}',
]


@pytest.mark.parametrize("sent", MALFORMED)
async def test_the_third_message_that_is_malformed_closes_the_socket(stack: Up, sent: str | bytes) -> None:
    async with socket(stack.gateway_url) as client:
        for _ in range(2):
            await client.connection.send(sent)
            message = await client.hear()
            assert (message["type"], message["id"]) == ("error", None)
            assert message["problem"]["type"] == "/problems/malformed-message"
            assert message["problem"]["status"] == 400
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}
        await client.connection.send(sent)
        code, heard = await client.closed()
    assert code == 4400
    assert [message["type"] for message in heard] == ["error"]


@pytest.mark.parametrize("offered", [None, ["bff.v2+json"], ["chat"]])
async def test_without_our_subprotocol_it_is_closed(stack: Up, offered: list[str] | None) -> None:
    async with socket(stack.gateway_url, subprotocols=offered) as client:
        assert client.connection.subprotocol is None
        assert await client.closed() == (4406, [])


async def test_ours_is_chosen_among_several(stack: Up) -> None:
    async with socket(stack.gateway_url, subprotocols=["chat", OURS]) as client:
        assert client.connection.subprotocol == OURS
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
async def test_a_page_of_another_origin_is_closed(stack: Up, origin: str) -> None:
    async with socket(stack.gateway_url, origin=origin) as client:
        assert await client.closed() == (4403, [])


async def test_a_page_of_ours_is_let_in(stack: Up) -> None:
    async with socket(stack.gateway_url, origin=stack.gateway_url) as client:
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}


@pytest.mark.parametrize("name", ["token", "ticket", "access_token", "Key"])
async def test_a_token_in_the_address_is_refused(stack: Up, name: str) -> None:
    async with socket(f"{stack.gateway_url}/?{name}=secret") as client:
        assert await client.closed() == (4401, [])


async def test_a_message_of_64_kib_is_read_and_one_byte_more_closes_the_socket(stack: Up) -> None:
    frame = json.dumps({"type": "ping", "more": ""})
    largest = frame.replace('""', '"' + "x" * (65_536 - len(frame)) + '"')
    async with socket(stack.gateway_url) as client:
        await client.connection.send(largest)
        assert await client.hear() == {"type": "pong"}
        await client.connection.send(largest + " ")
        assert await client.closed() == (1009, [])


async def test_a_message_of_many_mebibytes_is_not_read(stack: Up) -> None:
    async with socket(stack.gateway_url) as client:
        with suppress(ConnectionClosed):  # it may still be sending when it is closed
            await client.connection.send("x" * 3_000_000)
        await client.connection.wait_closed()
        assert client.connection.close_code == 1009


def test_without_the_wish_for_a_websocket_the_address_says_what_it_takes(stack: Up) -> None:
    for lines in ((), ("Connection: Upgrade, close", "Upgrade: websocket"), ("Connection: Upgrade", "Upgrade: h2c")):
        answer = exchange(stack.gateway_url, request("GET", "/v1/ws", *lines))
        problem_of(answer.as_response(), 426, "upgrade-required")
        assert answer.headers["upgrade"] == "websocket"


async def test_no_websocket_is_elsewhere(stack: Up) -> None:
    lines = (
        "Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )  # fmt: skip
    answer = exchange(stack.gateway_url, request("GET", "/v1/jobs?id=x", *lines))
    assert answer.status == 200


HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    f"Sec-WebSocket-Protocol: {OURS}",
)


@pytest.mark.parametrize(
    ("lines", "slug"),
    [
        (["X-A: " + "a" * 9000], "head-too-large"),
        ([f"X-{number}: a" for number in range(200)], "head-too-large"),
        (["Content-Length: 5"], "upgrade-required"),
        (["Transfer-Encoding: chunked"], "upgrade-required"),
        (["Origin: http://a", "Origin: http://b"], "malformed-request"),
        (["Sec-WebSocket-Protocol: ;"], "malformed-request"),
    ],
    ids=["a long header", "many headers", "a body", "a chunked body", "two origins", "no subprotocol"],
)
def test_a_handshake_that_cannot_be_read_is_answered_and_closed(stack: Up, lines: list[str], slug: str) -> None:
    head = "\r\n".join(["GET /v1/ws HTTP/1.1", "Host: gateway", *HANDSHAKE, *lines, "", ""])
    answer = exchange(stack.gateway_url, head.encode())
    problem = problem_of(answer.as_response(), answer.status, slug)
    assert answer.headers["x-correlation-id"] == problem["correlation_id"]


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "null", "", "http://x@gateway", "http://gateway:81", "gateway"]
)
async def test_an_origin_that_is_none_is_not_ours(stack: Up, origin: str) -> None:
    async with socket(stack.gateway_url, additional_headers={"Origin": origin}) as client:
        assert await client.closed() == (4403, [])


async def test_an_id_too_long_to_be_one_is_not_sent_back(stack: Up) -> None:
    async with socket(stack.gateway_url) as client:
        answer = await client.subscribe("%" * 60_000)
        assert (answer["type"], answer["id"]) == ("error", None)
        assert len(json.dumps(answer)) < 1000
