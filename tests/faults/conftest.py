from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.processes import RedisProcess
from tests.faults.stage import own_cluster, own_mock, own_redis


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mock_url() -> Iterator[str]:
    with own_mock() as url:
        yield url


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    with own_redis() as redis:
        yield redis


@pytest.fixture
async def cluster(mock_url: str, redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Redis and one gateway; a mock that has been reset and answers after 20 ms. The test starts its workers."""
    async with own_cluster(mock_url, redis, tmp_path) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Cluster, tmp_path: Path) -> Iterator[Client]:
    """It chooses any of the cluster's gateways for each request, and writes its history."""
    with History(tmp_path / "history.jsonl") as history:
        yield Client(history, cluster.any_gateway)
