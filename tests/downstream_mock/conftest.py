import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.downstream_mock.calls import Counters, Steer, Until


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mock_url() -> Iterator[str]:
    environment = {**os.environ, "MOCK_PORT": "0"}
    command = [sys.executable, "-m", "downstream_mock"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.fixture
async def mock(mock_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a mock that has just been reset."""
    async with httpx.AsyncClient(base_url=mock_url, timeout=20, verify=False, trust_env=False) as client:
        (await client.post("/_control/reset")).raise_for_status()
        yield client


@pytest.fixture
def steer(mock: httpx.AsyncClient) -> Steer:
    async def steer(service: str, **change: Any) -> None:
        answer = await mock.put(f"/_control/{service}", json=change)
        assert answer.status_code == 200, answer.text

    return steer


@pytest.fixture
def counters(mock: httpx.AsyncClient) -> Counters:
    async def counters(service: str) -> dict[str, int]:
        counted: dict[str, int] = (await mock.get(f"/_control/{service}")).json()["counters"]
        return counted

    return counters


@pytest.fixture
def until(counters: Counters) -> Until:
    """Asks again until the service's counters have the values; the test's time limit ends it."""

    async def until(service: str, **expected: int) -> None:
        while not expected.items() <= (await counters(service)).items():
            pass

    return until
