"""The channel of server-sent events: one stream for each job."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from bff_client.channel import ChannelFailed, failing
from bff_client.http import Http, path_of
from bff_client.job import Job
from bff_client.pace import Deadline

AGAIN_SECONDS = 1.0
"""A gateway that drains ends all its streams at once: not all of them come back in the same moment."""


class Events:
    """Where a proxy keeps the stream back, its first word does not come in time, and the next channel is chosen."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def follow(self, job_id: str, after: int, deadline: Deadline) -> AsyncGenerator[Job, None]:
        trial_seconds = deadline.share(self._http.patience.trial_seconds, 1 / 4)
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after else {})
        path = f"{path_of(job_id)}/events"
        with failing():
            async with self._http.stream(path, headers, seconds=trial_seconds) as response:
                if response.status_code == httpx.codes.NO_CONTENT:  # there is nothing after what was seen
                    yield await self._http.job(job_id)
                    return
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise ChannelFailed("the answer is no event stream")
                async for version, data in _events(self._lines(response, trial_seconds)):
                    job = _job(data, version)
                    yield job
                    if job.ended:
                        return
        await asyncio.sleep(random.uniform(0, AGAIN_SECONDS))  # noqa: S311  no secret

    async def _lines(self, response: httpx.Response, first_seconds: float) -> AsyncIterator[bytes]:
        """Only `\\n` ends a line here: httpx's own lines end at U+2028 too, which may stand in a result."""
        chunks, rest, seconds = aiter(response.aiter_bytes()), b"", first_seconds
        while True:
            try:
                async with asyncio.timeout(seconds):
                    chunk = await anext(chunks, b"")
            except TimeoutError:
                raise ChannelFailed(f"the stream was silent for {seconds:g} s") from None
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r")
            seconds = self._http.patience.silence_seconds


async def _events(lines: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Version and data of each event named `job`."""
    name, version, data = b"", 0, b""
    async for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"event":
                name = value
            case b"id":
                version = int(value) if value.isdigit() else 0
            case b"data":
                data += value
            case b"" if not line:
                if name == b"job" and data:
                    yield version, data
                name, data = b"", b""


def _job(data: bytes, version: int) -> Job:
    try:
        return Job.of(json.loads(data), version)
    except (ValueError, KeyError, TypeError) as error:
        raise ChannelFailed(f"an event is no job: {error!r}") from error
