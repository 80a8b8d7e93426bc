"""Holding an answer until a job changes: subscribe, then read, and read again at every wake-up."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import Request

from bff.broker.job import Job
from bff.broker.watch import Change
from gateway.gateway import Gateway

FLOOR_SECONDS = 2.0
"""What is published may get lost, so that every waiter reads at least this often."""


async def held(
    gateway: Gateway, request: Request, job_id: str, seconds: float, enough: Callable[[Job], bool]
) -> Job | None:
    """The job once it is `enough`; as it is when the time is over, the client gone, the gateway draining or full."""
    if seconds <= 0 or gateway.waiters >= gateway.settings.max_waiters:
        return await gateway.broker.jobs.read(job_id)
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with _counted(gateway), gateway.broker.watch.job(job_id) as change, _gone(request, change) as gone:
        while True:
            job = await gateway.broker.jobs.read(job_id)
            left = until - loop.time()
            if job is None or enough(job) or left <= 0 or gone.done() or gateway.draining.is_set():
                return job
            # Jittered: thousands that came at once, or were woken at once, would all read at once for ever after.
            await change.wait(min(left, FLOOR_SECONDS * random.uniform(0.5, 1)))  # noqa: S311  # no secret


@asynccontextmanager
async def _counted(gateway: Gateway) -> AsyncIterator[None]:
    gateway.waiters += 1
    try:
        yield
    finally:
        gateway.waiters -= 1


@asynccontextmanager
async def _gone(request: Request, change: Change) -> AsyncIterator["asyncio.Task[object]"]:
    """Done once the client has hung up. After the body nothing else can be received."""
    gone: asyncio.Task[object] = asyncio.create_task(_hang_up(request))
    gone.add_done_callback(lambda _: change.note(None))
    try:
        yield gone
    finally:
        gone.cancel()
        await asyncio.wait([gone])


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
