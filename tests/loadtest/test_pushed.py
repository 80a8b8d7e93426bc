"""Clients that are told over streams and sockets, where those break."""

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import WSMsgType, web

from loadtest.client import pushed
from loadtest.client.target import Target
from loadtest.drive import Driven, drive
from scenario.result import End
from tests.loadtest.server import Handler, Server, a_job, pending, problem, reset, served
from tests.loadtest.stages import a_stage

pytestmark = pytest.mark.anyio

ONE = {"baseline_per_second": 10, "duration_seconds": 0.1}  # one arrival


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed, "AGAIN_SECONDS", 0.01)


async def driven(server: Server, wait: str, timeout_seconds: float = 5) -> Driven:
    stage = a_stage(ONE, {"wait": wait, "timeout_seconds": timeout_seconds})
    return await drive(stage, Target.of(server.url))


def ends(run: Driven) -> Counter[End]:
    return Counter(run.record.requests.end)


def stream(*texts: str, stays: bool = False) -> Handler:
    """An event stream that says this; then it ends, or is silent."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for text in texts:
            await response.write(text.encode())
        if stays:
            await asyncio.Event().wait()
        return response

    return answer


def event(status: str) -> str:
    return f"id: 1\nevent: job\ndata: {json.dumps(a_job('job-0', status))}\n\n"


def socket(*messages: str, stays: bool = False) -> Handler:
    """A WebSocket that says this of the first job that is asked for; then it is closed, or silent."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(protocols=["bff.v1+json"])
        await response.prepare(request)
        asked = await response.receive_json()
        assert asked == {"type": "subscribe", "id": "job-0"}
        for message in messages:
            await response.send_str(message)
        if stays:
            assert (await response.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
        return response

    return answer


def told(status: str) -> str:
    return json.dumps({"type": "job", "version": 1, "job": a_job("job-0", status)})


NOT_FOUND = json.dumps({"type": "error", "id": "job-0", "problem": {"status": 404}})
BUSY = json.dumps({"type": "error", "id": "job-0", "problem": {"status": 503}})

BROKEN = [
    ("sse", [stream("retry: 3000\n\n", event("queued")), stream(event("running"), event("succeeded"))]),
    ("sse", [reset, problem(503, "too-many-waiters"), stream("data: nonsense\n\n"), stream(event("succeeded"))]),
    ("websocket", [socket(told("queued")), socket(told("running"), told("succeeded"))]),
    ("websocket", [reset, problem(503, "too-many-waiters"), socket("nonsense", BUSY), socket(told("succeeded"))]),
    ("long_poll", [pending, reset, pending]),
]


@pytest.mark.parametrize(("wait", "answers"), BROKEN)
async def test_what_breaks_is_opened_again_until_the_job_has_ended(
    wait: str, answers: list[Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.client.waiting.NOT_HELD_SECONDS", 0.01)
    async with served() as server:
        server.looks.extend(answers)
        run = await driven(server, wait)
        assert not server.looks
    assert ends(run) == {End.SUCCEEDED: 1}


@pytest.mark.parametrize(
    ("wait", "answer"),
    [("sse", stream(event("queued"), stays=True)), ("websocket", socket(told("queued"), stays=True))],
)
async def test_who_hears_nothing_more_gives_up_in_time(wait: str, answer: Handler) -> None:
    async with served() as server:
        server.looks.append(answer)
        run = await driven(server, wait, timeout_seconds=0.3)
    assert ends(run) == {End.TIMED_OUT: 1}


@pytest.mark.parametrize(
    ("wait", "answer"), [("sse", problem(404, "unknown-job")), ("websocket", socket(NOT_FOUND, stays=True))]
)
async def test_a_job_that_nobody_knows_is_lost(wait: str, answer: Handler) -> None:
    async with served() as server:
        server.looks.append(answer)

        async def accepted(request: web.Request) -> web.StreamResponse:
            return web.json_response(a_job("job-0", "queued"), status=202)

        server.submits.append(accepted)
        run = await driven(server, wait)
    assert ends(run) == {End.LOST: 1}
