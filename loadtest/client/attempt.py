"""One attempt of a client: it asks, waits, and is told, or gives up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import nan

from loadtest.client.connections import NoAnswer
from loadtest.client.ended import Ended, Reading, has_ended
from loadtest.client.gateway import Answer, Document, Gateway
from loadtest.client.pushed import over_a_socket, over_events
from loadtest.client.waiting import Following, Vanished, long_polled, polled
from loadtest.progress import Progress
from scenario.model import Clients, Pattern, Wait
from scenario.result import End

ANSWER_SECONDS = 1.0
"""When a client's time is over, an answer that is just coming still counts if it takes no longer."""
CANCEL_SECONDS = 5.0

WAYS: Mapping[Wait, Callable[[Following], Awaitable[Document | None]]] = {
    Wait.POLL: polled,
    Wait.BACKOFF: polled,
    Wait.LONG_POLL: long_polled,
    Wait.SSE: over_events,
    Wait.WEBSOCKET: over_a_socket,
}

NO_ANSWER = "no-answer"
VANISHED = "vanished"
MALFORMED = "malformed"
"""Answered with success, and with no job."""
ASYNCHRONOUS = "asynchronous"
"""Answered with 202, where the scenario's pattern is sync."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and again in another attempt, where the headers name another key."""

    operation: str
    body: bytes
    headers: Mapping[str, str]
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of an attempt; instants on `time.perf_counter()`, nan where there was none.

    `reason` says why it was rejected or failed. `job_id` is named where its end is not known: it was given up, or has
    vanished.
    """

    end: End
    reason: str = ""
    retry_after: float | None = None
    answered_at: float = nan
    told_at: float = nan
    job_id: str = ""
    ended: Ended | None = None

    @property
    def accepted(self) -> bool:
        return bool(self.job_id) or self.ended is not None

    @property
    def may_be_repeated(self) -> bool:
        return self.end in (End.REJECTED, End.TIMED_OUT) or self.reason == NO_ANSWER


@dataclass(frozen=True, slots=True)
class Trying:
    """What the attempts of all clients have in common."""

    gateway: Gateway
    reading: Reading
    clients: Clients
    pattern: Pattern
    progress: Progress

    async def attempt(self, request: Request, until: float) -> Tried:
        """Give up at `until`, on `time.perf_counter()`."""
        self.progress.attempts += 1
        answer = await self._submitted(request, until)
        if answer is None:
            return Tried(End.TIMED_OUT)
        answered_at = time.perf_counter()
        if answer.status not in (200, 202):
            return _turned_away(answer, answered_at)
        document = answer.document
        if has_ended(document):
            return self._told(document, answered_at, answered_at)
        job_id = document.get("id")
        if not isinstance(job_id, str):
            return Tried(End.FAILED, MALFORMED, answered_at=answered_at)
        if self.pattern is Pattern.SYNC:
            return Tried(End.FAILED, ASYNCHRONOUS, answered_at=answered_at)
        return await self._wait(job_id, request, answer, answered_at, until)

    async def _submitted(self, request: Request, until: float) -> Answer | None:
        """Once more, with the same key, where the answer was lost. None: the client gave up."""
        try:
            async with asyncio.timeout(max(0.0, until - time.perf_counter())):
                try:
                    return await self.gateway.submit(request.operation, request.body, request.headers)
                except NoAnswer:
                    self.progress.lost_answers += 1
                    return await self.gateway.submit(request.operation, request.body, request.headers)
        except NoAnswer:
            self.progress.lost_answers += 1
            return Answer()
        except TimeoutError:
            return None

    async def _wait(self, job_id: str, request: Request, answer: Answer, answered_at: float, until: float) -> Tried:
        job = Following(
            self.gateway, self.progress, self.clients, job_id, request.credentials, answer.retry_after, until
        )
        try:
            async with asyncio.timeout(max(0.0, until - answered_at) + ANSWER_SECONDS):
                document = await WAYS[self.clients.wait](job)
        except TimeoutError:
            document = None
        except Vanished:
            return Tried(End.LOST, VANISHED, answered_at=answered_at, job_id=job_id)
        if document is not None:
            return self._told(document, answered_at, time.perf_counter())
        if self.clients.cancels:
            await self._cancel(job)
        return Tried(End.TIMED_OUT, answered_at=answered_at, job_id=job_id)

    async def _cancel(self, job: Following) -> None:
        with suppress(NoAnswer, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.gateway.cancel(job.job_id, job.headers)

    def _told(self, document: Document, answered_at: float, told_at: float) -> Tried:
        try:
            ended = self.reading.ended(document)
        except (KeyError, TypeError, ValueError):
            return Tried(End.FAILED, MALFORMED, answered_at=answered_at)
        return Tried(ended.end, answered_at=answered_at, told_at=told_at, ended=ended)


def _turned_away(answer: Answer, answered_at: float) -> Tried:
    """429 and 503 say "not now"; other refusals stand. No answer, and a server's errors, are failures."""
    if not answer.status:
        return Tried(End.FAILED, NO_ANSWER)
    if answer.status == 503 or 400 <= answer.status < 500:
        return Tried(End.REJECTED, answer.reason, answer.retry_after, answered_at)
    return Tried(End.FAILED, answer.reason, answered_at=answered_at)
