import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.faults.client import Client
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.processes import RedisProcess

SERVICE = """
[services.{name}]
base_url = "${{DOWNSTREAM_URL}}/{name}"
max_concurrency = {slots}
inline_concurrency = 5
timeout_seconds = 1.0
expected_seconds = 0.05
capacity = 2000
retry = {{ attempts = 3, base_seconds = 0.05, max_seconds = 0.2 }}
"""
SLOTS = {"echo": 10, "inventory": 20, "payments": 20, "orders": 20}
OTHERS = ("accounts", "recommendations", "history", "reports")  # which operations of the catalog name, too


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mock_url() -> Iterator[str]:
    command = [sys.executable, "-m", "downstream_mock"]
    environment = {**os.environ, "MOCK_PORT": "0"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    with tempfile.TemporaryDirectory(prefix="bff-") as short:  # for the path of a unix socket
        redis = RedisProcess(Path(short))
        try:
            redis.start()
            yield redis
        finally:
            redis.client.close()
            redis.process.kill()


@pytest.fixture
async def cluster(mock_url: str, redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Redis and one gateway; a mock that has been reset and answers after 20 ms. The test starts its workers."""
    services = tmp_path / "services.toml"
    slots = SLOTS | dict.fromkeys(OTHERS, 10)
    services.write_text("".join(SERVICE.format(name=name, slots=number) for name, number in slots.items()))
    async with AsyncExitStack() as ending:
        mock = httpx.AsyncClient(base_url=mock_url, timeout=20, verify=False, trust_env=False)
        await ending.enter_async_context(mock)
        (await mock.post("/_control/reset")).raise_for_status()
        cluster = Cluster(tmp_path, services, redis, mock)
        ending.push_async_callback(cluster.aclose)
        for service in SLOTS:
            await cluster.steer(service, seconds=0.02)
        await cluster.start_gateway()
        yield cluster


@pytest.fixture
def client(cluster: Cluster, tmp_path: Path) -> Iterator[Client]:
    """It chooses any of the cluster's gateways for each request, and writes its history."""
    with History(tmp_path / "history.jsonl") as history:
        yield Client(history, cluster.any_gateway)
