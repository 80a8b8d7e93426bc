"""The channels that ask: held by the gateway (long poll), or again and again."""

import asyncio
import random
from collections.abc import AsyncGenerator

import httpx

from bff_client.channel import ChannelFailed, failing
from bff_client.http import Http, job_in, path_of
from bff_client.job import Job
from bff_client.pace import Deadline

POLL_SECONDS = (1.0, 5.0)
NOT_HELD_REST_SECONDS = 5.0
"""A gateway that drains, or has as many waiters as it can bear, answers at once."""


class LongPoll:
    """One request, answered when the job changes."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def follow(self, job_id: str, after: int, deadline: Deadline) -> AsyncGenerator[Job, None]:
        patience = self._http.patience
        held = max(0.1, deadline.share(patience.hold_seconds, 1 / 3))
        seconds = held + min(patience.margin_seconds, held)  # we read for longer than the gateway holds
        headers = {"Prefer": f"wait={held:.3f}", "If-None-Match": f'"{after}"'}
        asked_at = asyncio.get_running_loop().time()
        with failing():
            answer = await self._http.once("GET", path_of(job_id), seconds=seconds, headers=headers)
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                yield job_in(answer)
            elif asyncio.get_running_loop().time() - asked_at < held / 2:
                raise ChannelFailed("the gateway holds no more requests", NOT_HELD_REST_SECONDS)


class Poll:
    """One request, then a pause: as long as the gateway asks for, 1 s to 5 s."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def follow(self, job_id: str, after: int, deadline: Deadline) -> AsyncGenerator[Job, None]:
        seconds = max(0.1, deadline.share(self._http.patience.answer_seconds, 1 / 3))
        with failing():
            job = job_in(await self._http.once("GET", path_of(job_id), seconds=seconds))
            yield job
        if not job.ended:
            shortest, longest = POLL_SECONDS
            pause = min(longest, max(shortest, job.poll_after_seconds or shortest))
            await asyncio.sleep(min(pause * random.uniform(1, 1.1), deadline.left))  # noqa: S311  no secret
