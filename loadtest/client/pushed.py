"""How clients learn of the end of a job by being told: over an event stream, or a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp

from loadtest.client.connections import NoAnswer
from loadtest.client.ended import has_ended
from loadtest.client.gateway import Document, Events, document_of
from loadtest.client.waiting import GONE, Following, Vanished
from scenario.patience import pause_seconds

AGAIN_SECONDS = 3.0
"""Before another connection, as browsers do by default and the gateway's `retry:` says."""

Listening = Callable[[Following], Awaitable[tuple[Document, float | None]]]


async def over_events(job: Following) -> Document | None:
    """The job once it has ended; None: the client gave up. Raises Vanished."""
    return await _told(job, _events)


async def over_a_socket(job: Following) -> Document | None:
    """Of its own, opened for this job."""
    return await _told(job, _socket)


async def _told(job: Following, listening: Listening) -> Document | None:
    """On one connection after the other."""
    try:
        async with asyncio.timeout(job.left):
            while True:
                job.progress.polls += 1
                try:
                    document, retry_after = await listening(job)
                except NoAnswer:
                    job.progress.lost_answers += 1
                    document, retry_after = {}, None
                if has_ended(document):
                    return document
                await asyncio.sleep(pause_seconds(AGAIN_SECONDS, retry_after, job.clients))
    except TimeoutError:
        return None


async def _events(job: Following) -> tuple[Document, float | None]:
    async with job.gateway.events(job.job_id, job.headers) as events:
        if events.status in GONE:
            raise Vanished
        if events.status == 200:
            async for document in _documents(events):
                if has_ended(document):
                    return document, None
        return {}, events.retry_after


async def _documents(events: Events) -> AsyncIterator[Document]:
    async for line in events.stream:
        if line.startswith(b"data:"):
            yield document_of(line[5:])


async def _socket(job: Following) -> tuple[Document, float | None]:
    async with job.gateway.socket(job.headers) as socket:
        await socket.send_str(json.dumps({"type": "subscribe", "id": job.job_id}))
        async for message in socket:
            said = document_of(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
            if said.get("type") == "error":
                if said["problem"]["status"] in GONE:
                    raise Vanished
                return {}, None
            if said.get("type") == "job" and has_ended(said["job"]):
                return said["job"], None
        return {}, None
