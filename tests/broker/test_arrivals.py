"""An idle consumer's wait, when Redis or the process itself stands still."""

import asyncio
import signal
import time

import pytest

from bff.broker import arrivals as module
from bff.broker.arrivals import Arrivals
from bff.broker.pipeline import Pipeline
from tests.broker.servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_MS", 200)
    monkeypatch.setattr(module, "SLACK_SECONDS", 0.5)


async def test_a_process_that_stood_still_does_not_take_redis_for_away(
    own_redis: Server, own_pipeline: Pipeline, key: str
) -> None:
    arrivals = Arrivals(own_redis.url)
    await arrivals.wait([key], ["0"])
    waiting = asyncio.create_task(arrivals.wait([key], ["0"]))
    while b"blocked_clients:1" not in await own_pipeline.execute("INFO", "clients"):
        await asyncio.sleep(0)
    time.sleep(1)  # noqa: ASYNC251  # the answer comes in, and its time is over, before the loop runs again
    await waiting
    await arrivals.aclose()


async def test_a_redis_that_stands_still_is_left_to_the_next_take_to_find_out(own_redis: Server, key: str) -> None:
    arrivals = Arrivals(own_redis.url)
    await arrivals.wait([key], ["0"])
    own_redis.signal(signal.SIGSTOP)
    await arrivals.wait([key], ["0"])
    own_redis.signal(signal.SIGCONT)
    await arrivals.aclose()
