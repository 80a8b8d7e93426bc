"""How clients learn of the end of a job by asking."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.client.connections import NoAnswer
from loadtest.client.ended import has_ended
from loadtest.client.gateway import Answer, Document, Gateway
from loadtest.progress import Progress
from scenario.model import Clients
from scenario.patience import HOLD_SECONDS, looks, pause_seconds

NOT_HELD_SECONDS = 1.0
"""Pause after an answer that came at once: the gateway drains, or holds no more."""
GONE = (404, 410)


class Vanished(Exception):
    """The gateway knows nothing of a job that it has accepted."""


@dataclass(frozen=True, slots=True)
class Following:
    """One client and the job that it waits for, until it gives up (on `time.perf_counter()`)."""

    gateway: Gateway
    progress: Progress
    clients: Clients
    job_id: str
    headers: Mapping[str, str]
    retry_after: float | None
    """Of the 202."""
    until: float

    @property
    def left(self) -> float:
        return max(0.0, self.until - time.perf_counter())

    async def look(self, **headers: str) -> tuple[Document, float | None]:
        """The job, and how long to wait before the next look; nothing of it where it was not told. Raises Vanished."""
        self.progress.polls += 1
        try:
            answer = await self.gateway.read(self.job_id, {**self.headers, **headers} if headers else self.headers)
        except NoAnswer:
            self.progress.lost_answers += 1
            return {}, None
        return document_in(answer), answer.retry_after


def document_in(answer: Answer) -> Document:
    """Empty where the gateway could not tell. Raises Vanished."""
    if answer.status in GONE:
        raise Vanished
    return answer.document if answer.status == 200 else {}


async def polled(job: Following) -> Document | None:
    """The job once it has ended; None: the client gave up, having looked a last time."""
    retry_after = job.retry_after
    for own in looks(job.clients):
        left = job.left
        pause = pause_seconds(own, retry_after, job.clients)
        await asyncio.sleep(min(pause, left))
        document, retry_after = await job.look()
        if has_ended(document):
            return document
        if pause >= left:
            break
    return None


async def long_polled(job: Following) -> Document | None:
    while (left := job.left) > 0:
        asked_at, hold = time.perf_counter(), min(left, HOLD_SECONDS)
        document, retry_after = await job.look(Prefer=f"wait={hold:.3f}")
        if has_ended(document):
            return document
        if time.perf_counter() - asked_at < hold / 2:
            await asyncio.sleep(min(job.left, pause_seconds(NOT_HELD_SECONDS, retry_after, job.clients)))
    return None
