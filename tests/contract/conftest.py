import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bff.catalog.services import SHIPPED_SERVICES
from tests.broker.servers import Server, binaries
from tests.contract.calls import Steer, client_of
from tests.contract.operators import alone, operator, prefix, world
from tests.contract.stack import Up, gateway

__all__ = ["alone", "operator", "prefix", "world"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(stack: Up) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(stack.gateway_url) as client:
        yield client


@pytest.fixture
async def mock(stack: Up) -> AsyncIterator[httpx.AsyncClient]:
    """The downstream, as it is at first; and so again afterwards."""
    async with client_of(stack.mock_url) as client:
        (await client.post("/_control/reset")).raise_for_status()
        yield client
        (await client.post("/_control/reset")).raise_for_status()


@pytest.fixture
def steer(mock: httpx.AsyncClient) -> Steer:
    async def steer(service: str, **change: Any) -> None:
        (await mock.put(f"/_control/{service}", json=change)).raise_for_status()

    return steer


@pytest.fixture(scope="session")
def short_of_places(stack: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway without any worker, whose services have ten waiting places: its URL."""
    services = tmp_path_factory.mktemp("services") / "services.toml"
    shipped = tomllib.loads(SHIPPED_SERVICES.read_text())["services"]
    services.write_text("\n".join(TEN_PLACES.format(name) for name in shipped))
    with gateway(stack.redis_url, f"--services={services}", "--key-prefix=short") as alone:
        yield alone.url


TEN_PLACES = """
[services.{}]
base_url = "${{DOWNSTREAM_URL}}/x"
max_concurrency = 100
inline_concurrency = 10
timeout_seconds = 2.0
expected_seconds = 0.01
capacity = 10
"""


@pytest.fixture
def own_redis() -> Iterator[Server]:
    """A Redis, not yet started, to freeze and to kill."""
    # Not pytest's own directories: the path of a unix socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        server = Server(min(binaries().items())[1], Path(directory))
        yield server
        if server.process is not None:
            server.kill()
