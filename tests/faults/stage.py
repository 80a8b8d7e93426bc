"""What a cluster stands on: a mock, a Redis that keeps its data, the services file."""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx

from tests.faults.cluster import Cluster
from tests.faults.processes import PATIENCE_SECONDS, RedisProcess

SERVICE = """
[services.{name}]
base_url = "${{DOWNSTREAM_URL}}/{name}"
max_concurrency = {slots}
inline_concurrency = 5
timeout_seconds = 1.0
expected_seconds = 0.05
rate_per_second = {rate}
capacity = 2000
retry = {{ attempts = 3, base_seconds = 0.05, max_seconds = 0.2 }}
"""
SLOTS = {"echo": 10, "inventory": 20, "payments": 20, "orders": 20}
OTHERS = ("accounts", "recommendations", "history", "reports")  # which operations of the catalog name, too


class Limit(NamedTuple):
    slots: int
    rate: int = 0


@contextmanager
def own_mock() -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-m", "downstream_mock"]
    environment = {**os.environ, "MOCK_PORT": "0"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextmanager
def own_redis() -> Iterator[RedisProcess]:
    with tempfile.TemporaryDirectory(prefix="bff-") as short:  # for the path of a unix socket
        redis = RedisProcess(Path(short))
        try:
            redis.start()
            yield redis
        finally:
            redis.client.close()
            redis.process.kill()


@asynccontextmanager
async def own_cluster(
    mock_url: str, redis: RedisProcess, directory: Path, limits: Mapping[str, Limit] = MappingProxyType({})
) -> AsyncIterator[Cluster]:
    """Redis and one gateway; a mock that has been reset and answers after 20 ms."""
    services = directory / "services.toml"
    known = {name: Limit(slots) for name, slots in (SLOTS | dict.fromkeys(OTHERS, 10)).items()} | dict(limits)
    services.write_text("".join(SERVICE.format(name=name, **limit._asdict()) for name, limit in known.items()))
    async with AsyncExitStack() as ending:
        mock = httpx.AsyncClient(base_url=mock_url, timeout=PATIENCE_SECONDS, verify=False, trust_env=False)
        await ending.enter_async_context(mock)
        (await mock.post("/_control/reset")).raise_for_status()
        cluster = Cluster(directory, services, redis, mock)
        ending.push_async_callback(cluster.aclose)
        for service in SLOTS:
            await cluster.steer(service, seconds=0.02)
        await cluster.start_gateway()
        yield cluster
