import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bff.broker.pipeline import Pipeline
from tests.broker.servers import Server, binaries


@contextmanager
def _running(binary: Path) -> Iterator[Server]:
    # Not pytest's own directories: the path of a unix socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        server = Server(binary, Path(directory))
        server.start()
        yield server
        server.kill()


@pytest.fixture(scope="session", params=sorted(binaries().items()), ids=lambda found: found[0])
def redis_binary(request: pytest.FixtureRequest) -> Path:
    return Path(request.param[1])


@pytest.fixture(scope="session")
def redis(redis_binary: Path) -> Iterator[Server]:
    """A server that all tests share: keys are named by `key`."""
    with _running(redis_binary) as server:
        yield server


@pytest.fixture(scope="session")
def any_redis() -> Iterator[Server]:
    """Where one version is enough."""
    with _running(next(iter(binaries().values()))) as server:
        yield server


@pytest.fixture
def own_redis(redis_binary: Path) -> Iterator[Server]:
    """A server to kill, freeze, fill and lock."""
    with _running(redis_binary) as server:
        yield server


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4().hex}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pipeline(redis: Server) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(redis.url)
    yield pipeline
    await pipeline.aclose()


@pytest.fixture
async def own_pipeline(own_redis: Server) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(own_redis.url)
    yield pipeline
    await pipeline.aclose()
