"""Clients that read slowly, not at all, or send what no client should: bounded, and in the end let go."""

import asyncio
import json
from typing import Any

import pytest

from bff.broker.job import Job
from gateway.push import events, frames, outlet
from gateway.push.socket import MAX_HELD, Subscription
from gateway.push.waiters import Waiters
from tests.gateway.serving import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Served,
    masked,
    websocket,
    wire,
)

pytestmark = pytest.mark.anyio

CHANGES = 600
"""Of a good kilobyte each: several times what a connection takes that nobody reads from."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "BLOCKED_SECONDS", 0.3)
    monkeypatch.setattr(frames, "CLOSE_SECONDS", 0.3)


async def many_changes(here: Served, first_version: int = 2) -> None:
    """Of the one job that is followed, each told before the next; until nobody follows it any more."""
    [view] = here.gateway.live._views.values()
    [job] = await here.gateway.broker.jobs.read_many([view.job_id])
    for version in range(first_version, first_version + CHANGES):
        await here.change(job, version)
        while view.version < version and view.followers:
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


async def test_what_waits_for_a_socket_is_bounded_however_many_jobs_it_follows(here: Served) -> None:
    async with websocket(here.port) as slow:
        jobs = [await here.job() for _ in range(400)]
        for job in jobs:
            await slow.say("subscribe", id=job.id)
            assert json.loads((await slow.frame())[1])["version"] == 1
        [view] = [view for view in here.gateway.live._views.values() if view.job_id == jobs[0].id]
        [subscription] = view.followers
        assert isinstance(subscription, Subscription)
        for job in jobs:
            await here.change(job, 2)
        for job in jobs:
            await here.cancel(job)
        while not subscription._socket._behind:
            await asyncio.sleep(0.01)
        assert len(subscription._socket._dirty) <= MAX_HELD
        left, ended = {job.id for job in jobs}, set()
        while left:
            message = json.loads((await slow.frame())[1])
            if message["type"] == "job" and message["job"]["status"] == "cancelled":
                ended.add(message["job"]["id"])
            elif message["type"] == "done":
                assert message["id"] in ended
                left.discard(message["id"])


async def test_what_was_not_kept_is_read_when_its_turn_comes_and_not_again_and_again(
    here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with websocket(here.port) as slow:
        jobs = [await here.job() for _ in range(400)]
        for job in jobs:
            await slow.say("subscribe", id=job.id)
            await slow.frame()
        live, read = here.gateway.live, here.gateway.broker.jobs.read
        views = list(live._views.values())
        for job in jobs:
            await here.change(job, 2)
        while any(view.version == 1 for view in views):
            await asyncio.sleep(0.01)
        reads: list[str] = []

        async def counted(job_id: str) -> Job | None:
            reads.append(job_id)
            return await read(job_id)

        monkeypatch.setattr(here.gateway.broker.jobs, "read", counted)
        left = {job.id for job in jobs}
        while left:
            while live._stale:
                await asyncio.sleep(0)
            left.discard(json.loads((await slow.frame())[1])["job"]["id"])
    assert len(reads) > 100
    assert len(reads) < 1.3 * len(set(reads))


async def test_one_subscription_more_than_a_thousand_closes_the_socket(here: Served) -> None:
    jobs = [await here.job() for _ in range(1001)]
    async with websocket(here.port) as greedy:
        for job in jobs[:1000]:
            await greedy.say("subscribe", id=job.id)
            await greedy.frame()
        await greedy.say("subscribe", id=jobs[0].id)  # again is none more
        assert json.loads((await greedy.frame())[1])["type"] == "job"
        await greedy.say("subscribe", id=jobs[1000].id)
        assert await greedy.closed_with() == 4429
        await greedy.send(masked(CLOSE, b"\x11\x4d"))


async def test_sockets_together_follow_no_more_than_so_many_jobs(here: Served) -> None:
    here.gateway.waiters = Waiters(1)
    jobs = [await here.job() for _ in range(11)]
    async with websocket(here.port) as client:
        for job in jobs[:10]:
            await client.say("subscribe", id=job.id)
            assert json.loads((await client.frame())[1])["type"] == "job"
        for _ in range(2):
            await client.say("subscribe", id=jobs[10].id)
            refused = json.loads((await client.frame())[1])
            assert (refused["type"], refused["problem"]["type"]) == ("error", "/problems/too-many-waiters")
        await client.say("unsubscribe", id=jobs[0].id)
        await client.frame()
        await client.say("subscribe", id=jobs[10].id)
        assert json.loads((await client.frame())[1])["type"] == "job"


async def test_a_stream_that_is_idle_says_that_it_is_there(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    job = await here.job()
    async with wire(here.port) as idle:
        await idle.send(f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        for _ in range(3):
            await idle.until(b"\r\n: still here\n\n\r\n")
