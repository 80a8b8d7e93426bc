"""arq, as https://arq-docs.helpmanual.io/ has it.

But for `poll_delay`: by its default it looks for jobs every 0.5 s, and takes 500 at most each time.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import tally
from arq import ArqRedis, create_pool
from arq.connections import RedisSettings

SETTINGS = RedisSettings.from_dsn(os.environ["REDIS_URL"])
POLL_SECONDS = 0.01
_pools: list[ArqRedis] = []


async def work(ctx: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    return await tally.work(document)


class WorkerSettings:
    functions = (work,)
    redis_settings = SETTINGS
    max_jobs = 100
    poll_delay = POLL_SECONDS


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    _pools.append(await create_pool(SETTINGS))
    yield
    await _pools.pop().aclose()


async def submit(document: dict[str, Any]) -> str:
    job = await _pools[0].enqueue_job("work", document)
    assert job is not None
    return job.job_id


async def submit_and_wait(document: dict[str, Any]) -> None:
    job = await _pools[0].enqueue_job("work", document)
    assert job is not None
    await job.result(timeout=10, poll_delay=POLL_SECONDS)
