from collections.abc import AsyncIterator

import httpx
import pytest

from bff_client import Client, Patience
from tests.client.front import Front, front_of
from tests.contract.calls import Steer, client_of
from tests.contract.conftest import mock, steer
from tests.contract.stack import Up

__all__ = ["mock", "steer"]

HASTY = Patience(
    answer_seconds=5, trial_seconds=0.5, silence_seconds=1, hold_seconds=2, margin_seconds=1, unreachable_seconds=3
)
"""So that tests of what is silent need not wait for long."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def front(stack: Up) -> AsyncIterator[Front]:
    async with front_of(stack.gateway_url) as front:
        yield front


@pytest.fixture
async def bff(front: Front) -> AsyncIterator[Client]:
    """A client that comes through the front, and has little patience."""
    async with Client(front.url, patience=HASTY) as client:
        yield client


@pytest.fixture
async def api(stack: Up) -> AsyncIterator[httpx.AsyncClient]:
    """Past the front."""
    async with client_of(stack.gateway_url) as client:
        yield client


@pytest.fixture
async def quick(steer: Steer) -> None:
    """No service takes any time."""
    for service in ("echo", "inventory", "payments", "orders"):
        await steer(service, latency={"distribution": "constant", "mean_seconds": 0})
