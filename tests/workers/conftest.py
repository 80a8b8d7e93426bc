import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bff.broker.cell import Cell
from bff.broker.keys import Keys
from tests.broker.servers import Server, binaries, patient
from tests.workers.world import World, a_catalog


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A Redis that all tests share: each has its own prefix."""
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        server = Server(next(iter(binaries().values())), Path(directory))
        server.start()
        yield server
        server.kill()


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    pipeline = patient(server.url)
    cell = Cell(pipeline, a_catalog(), Keys(f"test-{uuid.uuid4().hex[:12]}"))
    await cell.configure()
    with Redis.from_url(server.url) as redis:
        world = World(cell, pipeline, server.url, redis)
        yield world
    for arrivals in world.arrivals:
        await arrivals.aclose()
    await pipeline.aclose()
