"""SAQ, as https://saq-py.readthedocs.io/ has it (Getting started)."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import tally
from saq import Queue

LISTENS_SECONDS = 0.1
queue = Queue.from_url(os.environ["REDIS_URL"])


async def work(ctx: dict[str, Any], *, document: dict[str, Any]) -> dict[str, Any]:
    return await tally.work(document)


settings = {"queue": queue, "functions": [work], "concurrency": 100}


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    await queue.connect()
    yield
    await queue.disconnect()


async def submit(document: dict[str, Any]) -> str:
    job = await queue.enqueue("work", document=document)
    assert job is not None
    return job.id


async def submit_and_wait(document: dict[str, Any]) -> None:
    job = await queue.enqueue("work", document=document)
    assert job is not None
    while not job.completed:
        with suppress(TimeoutError):  # it does not hear of a job that ends between its reading and its listening
            await job.refresh(until_complete=LISTENS_SECONDS)
