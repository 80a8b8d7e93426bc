"""taskiq on a Redis stream, as https://pypi.org/project/taskiq-redis/ has it.

But for `check_interval`: by default a waiting client polls every 0.2 s.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import tally
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

URL = os.environ["REDIS_URL"]
broker = RedisStreamBroker(url=URL).with_result_backend(RedisAsyncResultBackend(redis_url=URL))


@broker.task
async def work(document: dict[str, Any]) -> dict[str, Any]:
    return await tally.work(document)


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


async def submit(document: dict[str, Any]) -> str:
    return (await work.kiq(document)).task_id


async def submit_and_wait(document: dict[str, Any]) -> None:
    task = await work.kiq(document)
    await task.wait_result(check_interval=0.01, timeout=10)
