"""SIGTERM: nothing new is taken, what is held goes out whole."""

import asyncio
import resource
import time

import httpx
import pytest

from tests.contract.calls import CHECKOUT, ECHO, Steer, client_of, constant, problem_of, submitted
from tests.contract.sockets import socket
from tests.contract.stack import Up, gateway
from tests.contract.streams import stream
from tests.contract.test_too_many_waiters import waiters
from tests.contract.wire import answer_in, connection, read_all, request

pytestmark = pytest.mark.anyio


async def test_a_long_poll_is_released_with_the_present_state(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    await steer("payments", latency=constant(9))
    with gateway(stack.redis_url) as other:
        async with client_of(other.url) as leaving:
            job = await submitted(leaving, CHECKOUT)
            poll = asyncio.create_task(leaving.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"}))
            while 'bff_waiters{channel="long_poll"} 1.0' not in (await leaving.get("/metrics")).text:
                assert not poll.done()
            other.tell_to_end()
            answer = await poll
    assert [line.split("gateway.main: ")[-1] for line in other.seen[-2:]] == ["drains: takes nothing more", "has ended"]
    assert (answer.status_code, answer.json()["id"]) == (200, job["id"])
    assert answer.json()["status"] in ("queued", "running")
    assert answer.headers["preference-applied"] == "wait=30"
    await api.delete(f"/v1/jobs/{job['id']}")
    await steer("payments", latency=constant(0))


def test_what_reached_it_before_the_signal_is_taken_and_what_comes_later_is_refused(stack: Up) -> None:
    head = request("POST", ECHO, "Content-Type: application/json", "Content-Length: 14", "Expect: 100-continue")
    with (
        gateway(stack.redis_url) as leaving,
        connection(leaving.url) as known,
        connection(leaving.url) as silent,
        connection(leaving.url) as slow,
    ):
        for wire in (known, slow):
            wire.sendall(head)
            assert wire.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        leaving.tell_to_end()
        while True:  # the listening socket is closed once the signal has been seen
            try:
                connection(leaving.url).close()
            except OSError:
                break
        known.sendall(b'{"text": "hi"}')
        assert answer_in(read_all(known)).status == 202
        assert read_all(silent) == b""  # those that asked for nothing are closed when the others begin to be refused
        slow.sendall(b'{"text": "hi"}')
        answer = answer_in(read_all(slow)).as_response()
        problem_of(answer, 503, "draining")
        assert int(answer.headers["retry-after"]) >= 1


async def test_sockets_are_closed_and_streams_ended_so_that_clients_go_elsewhere(
    api: httpx.AsyncClient, stack: Up, steer: Steer
) -> None:
    await steer("payments", latency=constant(9))
    with gateway(stack.redis_url) as other:
        async with client_of(other.url) as leaving:
            job = await submitted(leaving, CHECKOUT)
            async with (
                socket(other.url) as waiting,
                socket(other.url) as idle,
                stream(leaving, job["id"]) as opened,
            ):
                assert (await waiting.subscribe(job["id"]))["type"] == "job"
                events = opened.events()
                assert (await anext(events)).job["id"] == job["id"]
                other.tell_to_end()
                assert (await waiting.closed())[0] == 1012
                assert await idle.closed() == (1012, [])
                assert not [event async for event in events if event.job["status"] not in ("queued", "running")]
    await api.delete(f"/v1/jobs/{job['id']}")
    await steer("payments", latency=constant(0))


async def test_a_thousand_clients_of_each_channel_are_let_go_in_time(stack: Up) -> None:
    """Within ten seconds; on a machine where their coming took longer, within as long as that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with gateway(stack.redis_url, "--key-prefix=no-worker") as other:
        async with client_of(other.url) as leaving:
            reports = [await leaving.post("/v1/operations/report", json={"month": "2026-01"}) for _ in range(10)]
            ids = [report.json()["id"] for report in reports] * (THOUSAND // len(reports))
            # Long polls last: they wait for 30 s, however long the others take to come.
            asked = [sent for one_channel in zip(*map(all_channels, ids), strict=True) for sent in one_channel]
            began = time.monotonic()
            clients = []
            for first in range(0, len(asked), AT_ONCE):
                some = (opened(other.url, sent) for sent in asked[first : first + AT_ONCE])
                clients += await asyncio.gather(*some)
            while sum((await waiters(leaving)).values()) < len(clients):
                await asyncio.sleep(0.05)
            came_within = time.monotonic() - began
            began = time.monotonic()
            other.tell_to_end()
            answers = await asyncio.gather(*map(all_of, clients))
            await asyncio.to_thread(other.process.wait)
            took = time.monotonic() - began
    closed, streamed, polled = (answers[first : first + THOUSAND] for first in range(0, len(answers), THOUSAND))
    assert {answer_in(each).status for each in polled} == {200}
    assert {answer_in(each).body.startswith(b'{"id":') for each in polled} == {True}
    assert {each.endswith(b"\r\n0\r\n\r\n") for each in streamed} == {True}
    assert {b"\x03\xf4" in each[-64:] for each in closed} == {True}  # 1012
    assert took < max(10, came_within)


THOUSAND = 1000
AT_ONCE = 100
UPGRADE = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: bff.v1+json",
)  # fmt: skip


def all_channels(job_id: str) -> tuple[bytes, bytes, bytes]:
    """Socket, event stream, long poll."""
    path = f"/v1/jobs/{job_id}"
    upgrade = request("GET", "/v1/ws", *UPGRADE).replace(b"Connection: close\r\n", b"")
    return upgrade, request("GET", f"{path}/events"), request("GET", path, "Prefer: wait=30")


async def opened(url: str, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parsed = httpx.URL(url)
    reader, writer = await asyncio.open_connection(parsed.host, parsed.port)
    writer.write(sent)
    return reader, writer


async def all_of(client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    """What comes, up to a close frame or the end."""
    reader, writer = client
    received = b""
    while more := await reader.read(65_536):
        received += more
        if b"\x03\xf4" in received[-64:]:
            break
    writer.close()
    return received
