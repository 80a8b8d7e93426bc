"""streaq, as https://streaq.readthedocs.io/ has it (Getting started; Integrations)."""

import os
from typing import Any

import tally
from streaq import Worker

worker = Worker(redis_url=os.environ["REDIS_URL"], concurrency=100)


@worker.task
async def work(document: dict[str, Any]) -> dict[str, Any]:
    return await tally.work(document)


def connected() -> Worker[None]:
    return worker


async def submit(document: dict[str, Any]) -> str:
    return (await work.enqueue(document)).id


async def submit_and_wait(document: dict[str, Any]) -> None:
    task = await work.enqueue(document)
    await task.result(timeout=10)
