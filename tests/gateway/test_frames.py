"""What is made once and sent to all who follow a job: right for each of them, whoever is slow or leaves meanwhile."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from bff.broker.job import Job
from bff.wire.document import document_of
from gateway.push import frames
from gateway.push.frames import BoundedSocketProtocol, text_frame
from gateway.push.live import Reading
from tests.gateway.serving import CLOSE, TEXT, Served, Wire, masked, websocket, wire
from tests.wire.test_document import jobs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def job(here: Served) -> Job:
    return await here.job()


def read_by_a_client(sent: bytes) -> list[bytes]:
    """The messages that a client finds in it, and nothing is left over."""
    client = ClientProtocol(parse_uri("ws://gateway/v1/ws"), state=OPEN, max_size=None)
    client.receive_data(sent)
    found = client.events_received()
    assert client.parser_exc is None
    assert client.data_to_send() == []
    assert all(isinstance(frame, Frame) and frame.fin and frame.opcode is Opcode.TEXT for frame in found)
    return [bytes(frame.data) for frame in found if isinstance(frame, Frame)]


@given(st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 200_000]), st.sampled_from(["a", "é", "\U0001f40c"]))
def test_a_frame_is_read_as_one_message_however_long_it_is(length: int, letter: str) -> None:
    message = (letter * length).encode()
    assert read_by_a_client(text_frame(message) + text_frame(b"next")) == [message, b"next"]


@given(jobs())
def test_sockets_and_streams_are_sent_the_job_as_it_was_read_and_sockets_its_end(job: Job) -> None:
    reading = Reading(job)
    document = json.loads(to_json(document_of(job)))
    [message, *end] = [json.loads(each) for each in read_by_a_client(reading.frames)]
    assert message == {"type": "job", "version": job.version, "job": document}
    assert end == ([{"type": "done", "id": job.id}] if job.status.terminal else [])
    [name, id_, data, *rest] = reading.event.splitlines()
    assert (name, id_, rest) == (b"event: job", b"id: %d" % job.version, [b""])
    assert json.loads(data.removeprefix(b"data: ")) == document


async def follow(here: Served, job: Job, streams: list[Wire]) -> None:
    for stream in streams:
        await stream.send(f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        await stream.until(b"\nid: 1\n")


async def subscribe(sockets: list[Wire], *followed: Job) -> None:
    for job in followed:
        for socket in sockets:
            await socket.say("subscribe", id=job.id)
            assert (await heard(socket))["version"] == 1


async def heard(socket: Wire) -> Any:
    opcode, payload = await socket.frame()
    assert opcode == TEXT
    return json.loads(payload)


async def closed_by(socket: Wire) -> None:
    """Answer the close that came."""
    await socket.send(masked(CLOSE, b"\x03\xf4"))


async def test_a_change_is_written_once_and_is_the_same_for_all(
    here: Served, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(websocket(here.port)) for _ in range(20)]
        streams = [await stack.enter_async_context(wire(here.port)) for _ in range(20)]
        await subscribe(sockets, job)
        await follow(here, job, streams)
        written: list[str] = []

        def counted(what: str, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def counting(given: Any) -> Any:
                written.append(what)
                return write(given)

            return counting

        monkeypatch.setattr("gateway.push.live.document_of", counted("document", document_of))
        monkeypatch.setattr("gateway.push.live.text_frame", counted("frame", text_frame))
        await here.change(job, 2)
        frames_got = [await socket.frame() for socket in sockets]
        events_got = [await stream.until(b"\n\n") for stream in streams]
        assert [frame == frames_got[0] for frame in frames_got] == [True] * len(sockets)
        assert json.loads(frames_got[0][1])["version"] == 2
        assert all(event.endswith(events_got[0].rpartition(b"event: job\n")[2]) for event in events_got)
        assert sorted(written) == ["document", "frame"]


async def test_who_leaves_while_frames_are_sent_takes_nothing_from_the_others(here: Served, job: Job) -> None:
    async with AsyncExitStack() as stack:
        stay = [await stack.enter_async_context(websocket(here.port)) for _ in range(5)]
        async with AsyncExitStack() as leaving:
            leave = [await leaving.enter_async_context(websocket(here.port)) for _ in range(5)]
            streams = [await leaving.enter_async_context(wire(here.port)) for _ in range(5)]
            await subscribe(stay + leave, job)
            await follow(here, job, streams)
            for version in range(2, 10):
                await here.change(job, version)
        for version in range(10, 20):
            await here.change(job, version)
        await here.cancel(job)
        for socket in stay:
            versions = [1]
            while (message := await heard(socket))["type"] == "job":
                versions.append(message["version"])
            assert versions == sorted(set(versions))
            assert versions[-1] == 20
            assert message == {"type": "done", "id": job.id}


async def test_after_its_end_nothing_more_is_heard_of_a_job(here: Served, job: Job) -> None:
    async with websocket(here.port) as socket:
        await subscribe([socket], job)
        await here.cancel(job)
        assert (await heard(socket))["job"]["status"] == "cancelled"
        assert (await heard(socket))["type"] == "done"
        await here.change(job, 9)
        await socket.say("ping")
        assert await heard(socket) == {"type": "pong"}


async def test_a_job_that_becomes_anothers_is_shown_no_more(here: Served, job: Job) -> None:
    """However many follow it, each is asked whose it is."""
    async with websocket(here.port) as socket, wire(here.port) as stream:
        await subscribe([socket], job)
        await follow(here, job, [stream])
        keys, redis = here.gateway.broker.cell.keys, here.gateway.broker.pipeline
        await redis.execute("HSET", keys.job(job.id), "client", "another")
        await here.change(job, 2)
        refused = await heard(socket)
        assert (refused["type"], refused["problem"]["type"]) == ("error", "/problems/unknown-job")
        assert b"id: " not in (await stream.until(b"\r\n0\r\n\r\n")).partition(b"\r\n\r\n")[2]
        assert here.gateway.live.jobs == 0


def connection_of(here: Served) -> Any:
    """The one that there is, as the server has it."""
    [connection] = here.server.server_state.connections
    return connection


async def until_it_blocks(here: Served, job: Job, is_blocked: Callable[[], bool]) -> int:
    """Change the job until no more can be written to the one who follows it; nothing waits to be written then.

    The version that it has.
    """
    view = here.gateway.live._views[job.id]
    [follower] = view.followers
    outlet = getattr(follower, "_outlet", None) or follower._socket._outlet  # type: ignore[attr-defined]  # a stream's, a socket's
    version = 1
    while not is_blocked():
        version += 1
        await here.change(job, version)
        while view.version < version or (outlet._task is not None and not is_blocked()):
            await asyncio.sleep(0)
    return version


async def to_claim(here: Served, job: Job) -> bool:
    """Whether its client counts as one who has not read how it ended."""
    claiming = here.gateway._claiming
    if claiming is not None:
        await claiming
    found = await here.gateway.broker.jobs.read(job.id)
    assert found is not None
    assert found.status.terminal
    return found.to_claim


async def ended_and_told(here: Served, job: Job) -> None:
    view = here.gateway.live._views[job.id]
    before = view.version
    await here.cancel(job)
    while view.version == before:
        await asyncio.sleep(0)


async def test_an_end_that_a_socket_was_not_sent_any_more_is_not_taken_for_read(here: Served, job: Job) -> None:
    async with websocket(here.port) as blocked:
        await subscribe([blocked], job)
        connection: BoundedSocketProtocol = connection_of(here)
        await until_it_blocks(here, job, lambda: not connection.writable.is_set())
        await ended_and_told(here, job)
        connection.shutdown()
        while (await blocked.frame())[0] != CLOSE:
            pass
        await closed_by(blocked)
        await here.until_nothing_is_left()
        assert await to_claim(here, job)


async def test_an_end_that_a_stream_was_not_sent_any_more_is_not_taken_for_read(here: Served, job: Job) -> None:
    async with wire(here.port) as blocked:
        await follow(here, job, [blocked])
        connection = connection_of(here)
        await until_it_blocks(here, job, lambda: connection.flow.write_paused)
        await ended_and_told(here, job)
    await here.until_nothing_is_left()
    assert await to_claim(here, job)


@pytest.mark.parametrize("over", ["socket", "stream"])
async def test_an_end_that_was_sent_is_taken_for_read(here: Served, job: Job, over: str) -> None:
    async with websocket(here.port) if over == "socket" else wire(here.port) as reader:
        if over == "socket":
            await subscribe([reader], job)
        else:
            await follow(here, job, [reader])
        await here.cancel(job)
        await reader.until(b'"done","id"' if over == "socket" else b"\r\n0\r\n\r\n")
        assert not await to_claim(here, job)


async def test_a_close_comes_behind_whole_frames(here: Served, job: Job) -> None:
    async with websocket(here.port) as blocked:
        await subscribe([blocked], job)
        connection: BoundedSocketProtocol = connection_of(here)
        last = await until_it_blocks(here, job, lambda: not connection.writable.is_set())
        await here.change(job, last + 1)
        connection.shutdown()
        versions = []
        while (frame := await blocked.frame())[0] != CLOSE:
            versions.append(json.loads(frame[1])["version"])
        assert versions == list(range(2, last + 1))
        assert frame[1][:2] == b"\x03\xf4"
        await closed_by(blocked)


async def test_once_it_is_told_so_who_unsubscribed_while_it_did_not_read_hears_no_more(here: Served, job: Job) -> None:
    other = await here.job()
    async with websocket(here.port) as slow:
        await subscribe([slow], job, other)
        connection: BoundedSocketProtocol = connection_of(here)
        await until_it_blocks(here, job, lambda: not connection.writable.is_set())
        await slow.say("unsubscribe", id=other.id)
        await here.change(other, 2)
        while (await heard(slow))["type"] != "unsubscribed":
            pass
        await here.change(other, 3)
        await here.cancel(job)
        told = [await heard(slow)]
        while told[-1]["type"] != "done":
            told.append(await heard(slow))
        assert {message["job"]["id"] for message in told[:-1]} == {job.id}


async def test_a_socket_that_is_open_keeps_nothing_of_its_handshake(here: Served) -> None:
    async with websocket(here.port) as idle:
        await idle.say("ping")
        assert await heard(idle) == {"type": "pong"}
        connection: BoundedSocketProtocol = connection_of(here)
        assert connection.scope["headers"] == []
        assert len(connection.request.headers) == len(connection.response.headers) == 0


async def test_a_handshake_that_is_refused_is_a_problem_that_forbids_to_guess_its_type(here: Served) -> None:
    async with wire(here.port) as refused:
        await refused.send(
            b"GET /v1/ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: ;\r\n\r\n"
        )
        head, _, body = (await refused.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-content-type-options: nosniff" in head
    assert json.loads(body)["type"] == "/problems/malformed-request"


async def test_messages_wait_in_order_for_the_one_who_reads_them() -> None:
    inbox = frames._Inbox()
    for number in (1, 2):
        inbox.put_nowait(number)
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    inbox.put_nowait(3)
    again = asyncio.create_task(inbox.get())
    assert await again == 3
    assert inbox.empty()
    assert inbox.qsize() == 0
