import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from bff.broker.pipeline import Pipeline
from tests.broker.fake import FakeRuns
from tests.broker.servers import Server, binaries, patient, running
from tests.broker.world import World


@pytest.fixture(scope="session", params=sorted(binaries().items()), ids=lambda found: found[0])
def redis_binary(request: pytest.FixtureRequest) -> Path:
    return Path(request.param[1])


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[Path], Server]]:
    """A server of each binary, started when first asked for. All tests share it: each has keys of its own."""
    with ExitStack() as ending:
        yield cache(lambda binary: ending.enter_context(running(binary)))


@pytest.fixture(scope="session")
def redis(redis_binary: Path, servers: Callable[[Path], Server]) -> Server:
    return servers(redis_binary)


@pytest.fixture(scope="session")
def any_redis(servers: Callable[[Path], Server]) -> Server:
    """Where one version is enough."""
    return servers(next(iter(binaries().values())))


@pytest.fixture
def own_redis(redis_binary: Path) -> Iterator[Server]:
    """A server to kill, freeze, fill and lock."""
    with running(redis_binary) as server:
        yield server


@pytest.fixture
def key() -> str:
    return f"test:{{{uuid.uuid4().hex}}}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pipeline(redis: Server) -> AsyncIterator[Pipeline]:
    pipeline = patient(redis.url)
    yield pipeline
    await pipeline.aclose()


@pytest.fixture(params=[*sorted(binaries()), "fakeredis"])
async def world(request: pytest.FixtureRequest, servers: Callable[[Path], Server]) -> AsyncIterator[World]:
    """A cell of its own: on each real server, and on fakeredis."""
    if request.param == "fakeredis":
        yield World(FakeRuns())
        return
    pipeline = patient(servers(binaries()[request.param]).url)
    yield World(pipeline)
    await pipeline.aclose()


@pytest.fixture
async def own_pipeline(own_redis: Server) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(own_redis.url)
    yield pipeline
    await pipeline.aclose()
