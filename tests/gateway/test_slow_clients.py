"""Clients that read slowly, not at all, or send what no client should: bounded, and in the end let go."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.push import frames, outlet
from gateway.settings import GatewaySettings
from tests.gateway.serving import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Served,
    masked,
    served,
    websocket,
    wire,
)

pytestmark = pytest.mark.anyio

CHANGES = 600
"""Of a good kilobyte each: several times what a connection takes that nobody reads from."""


@pytest.fixture
async def here(settings: GatewaySettings) -> AsyncIterator[Served]:
    async with served(settings) as here:
        yield here
        await here.until_nothing_is_left()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "BLOCKED_SECONDS", 0.3)
    monkeypatch.setattr(frames, "CLOSE_SECONDS", 0.3)


async def many_changes(here: Served, first_version: int = 2) -> None:
    """Of the one job that is followed, each told before the next."""
    [view] = here.gateway.live._views.values()
    [job] = await here.gateway.broker.jobs.read_many([view.job_id])
    for version in range(first_version, first_version + CHANGES):
        await here.change(job, version)
        while view.version < version:
            await asyncio.sleep(0)


async def test_a_socket_that_is_read_slowly_gets_the_newest_state_not_every_one(here: Served) -> None:
    job = await here.job()
    async with websocket(here.port) as slow, websocket(here.port) as quick:
        for each in (slow, quick):
            await each.say("subscribe", id=job.id)
        assert json.loads((await slow.frame())[1])["version"] == 1
        read = asyncio.create_task(quick.closed_with())
        await many_changes(here)
        sizes = [each.transport.get_write_buffer_size() for each in here.server.server_state.connections]
        assert max(sizes) <= frames.WRITE_BUFFER_BYTES + 2048
        versions: list[int] = []
        while not versions or versions[-1] < CHANGES + 1:
            _, payload = await slow.frame()
            versions.append(json.loads(payload)["version"])
        read.cancel()
    assert versions == sorted(set(versions))
    assert len(versions) < CHANGES / 2


async def test_a_socket_that_is_never_read_is_cut_off(here: Served, impatient: None) -> None:
    job = await here.job()
    async with websocket(here.port) as blocked:
        await blocked.say("subscribe", id=job.id)
        await blocked.frame()
        await many_changes(here)
        await here.until_nothing_is_left()


async def test_a_socket_that_is_read_again_after_too_long_says_why_it_is_closed(
    here: Served, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "CLOSE_SECONDS", 10.0)
    job = await here.job()
    async with websocket(here.port) as blocked:
        await blocked.say("subscribe", id=job.id)
        await blocked.frame()
        await many_changes(here)
        while here.gateway.live.jobs:
            await asyncio.sleep(0.01)
        assert await blocked.closed_with() == 1013
        await blocked.send(masked(CLOSE, b"\x03\xf5"))
        await here.until_nothing_is_left()


async def test_a_socket_that_answers_no_ping_is_closed(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PING_SECONDS", 0.05)
    monkeypatch.setattr(frames, "PONG_SECONDS", 0.2)
    monkeypatch.setattr(frames, "CLOSE_SECONDS", 0.2)
    async with websocket(here.port) as silent:
        opcode, _ = await silent.frame()
        assert opcode == PING
        assert await silent.closed_with() == 1013
        assert await silent.rest() == b""


async def test_one_that_answers_pings_stays(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PING_SECONDS", 0.02)
    monkeypatch.setattr(frames, "PONG_SECONDS", 5.0)
    async with websocket(here.port) as alive:
        for _ in range(20):
            opcode, payload = await alive.frame()
            assert opcode == PING
            await alive.send(masked(PONG, payload))


@pytest.mark.parametrize("flood", [masked(PING, b"x" * 125), masked(TEXT, b'{"type":"ping"}'), masked(TEXT, b"")])
async def test_who_sends_and_does_not_read_is_not_read_either(here: Served, flood: bytes, impatient: None) -> None:
    async with websocket(here.port) as flooding:
        connection: Any
        [connection] = here.server.server_state.connections
        sent = flood * (20_000_000 // len(flood))
        sending = asyncio.create_task(flooding.send(sent))
        while here.server.server_state.connections:
            assert connection.transport.get_write_buffer_size() < 2 * frames.WRITE_BUFFER_BYTES
            assert connection.queue.qsize() < 1000
            assert len(connection._unread) < 600_000
            if flood[0] & 0x0F == PING and not connection.writable.is_set():
                break  # pongs alone block nobody; a ping of ours will not be answered
            await asyncio.sleep(0)
        sending.cancel()


async def test_an_event_stream_that_is_read_slowly_gets_the_newest_state_not_every_one(here: Served) -> None:
    job = await here.job()
    async with wire(here.port) as slow:
        await slow.send(f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        await slow.until(b"\nid: 1\n")
        await many_changes(here)
        await here.cancel(job)
        received = await slow.until(b"\r\n0\r\n\r\n")
    ids = [int(line.removeprefix(b"id: ")) for line in received.splitlines() if line.startswith(b"id: ")]
    assert ids == sorted(set(ids))
    assert ids[-1] == CHANGES + 2
    assert len(ids) < CHANGES / 2


async def test_an_event_stream_that_is_never_read_is_cut_off(here: Served, impatient: None) -> None:
    job = await here.job()
    async with wire(here.port) as blocked:
        await blocked.send(f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        await blocked.until(b"\nid: 1\n")
        await many_changes(here)
        await here.until_nothing_is_left()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([masked(TEXT, b"\xff\xfe")], 1007),
        ([masked(TEXT, b"{", final=False), masked(CONTINUATION, b"\xff")], 1007),
        ([masked(TEXT, b"{", final=False)] + [masked(CONTINUATION, b"", final=False)] * 2000, 1009),
        ([masked(TEXT, b"x" * 40_000, final=False), masked(CONTINUATION, b"x" * 40_000)], 1009),
        ([masked(CONTINUATION, b"x")], 1002),
        ([b"\x81\x02hi"], 1002),
        ([b"\xf1\x80\0\0\0\0"], 1002),
        ([masked(3, b"")], 1002),
        ([masked(PING, b"x" * 126)], 1002),
    ],
    ids=["utf-8", "utf-8 in parts", "fragments", "too long in parts", "nothing begun", "unmasked", "reserved bits",
         "unknown opcode", "long ping"],
)  # fmt: skip
async def test_what_is_no_websocket_is_closed_as_the_rfc_says(here: Served, sent: list[bytes], code: int) -> None:
    async with websocket(here.port) as hostile:
        await hostile.send(b"".join(sent))
        assert await hostile.closed_with() == code
        assert await hostile.rest() == b""


async def test_one_that_vanishes_in_the_middle_of_a_message_leaves_nothing(here: Served) -> None:
    job = await here.job()
    async with websocket(here.port) as vanishing:
        await vanishing.say("subscribe", id=job.id)
        await vanishing.frame()
        await vanishing.send(masked(TEXT, b"{", final=False))
