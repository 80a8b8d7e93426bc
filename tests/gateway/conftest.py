import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from bff.catalog.catalog import load_catalog
from bff.catalog.clients import ClientRegister
from gateway.app import Application, create_app
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from tests.broker.servers import Server, binaries, running
from tests.gateway.serving import Served, served


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    with running(min(binaries().items())[1]) as server:
        yield server


@pytest.fixture
def settings(redis: Server) -> GatewaySettings:
    """Keys of its own in the one Redis."""
    return GatewaySettings(redis_url=redis.url, key_prefix=f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def here(settings: GatewaySettings) -> AsyncIterator[Served]:
    """A gateway on a socket of its own; in the end nothing is left of who waited."""
    async with served(settings) as here:
        yield here
        await here.until_nothing_is_left()


@pytest.fixture
async def app(settings: GatewaySettings) -> AsyncIterator[Application]:
    """The application, started; nobody works on what it accepts."""
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    made = create_app(settings, catalog, ClientRegister(settings.clients_file))
    async with made.router.lifespan_context(made):
        gateway: Gateway = made.gateway
        while await gateway.broker.pipeline.execute("EXISTS", gateway.broker.cell.keys.settings()) == 0:
            pass
        yield made


@pytest.fixture
def gateway(app: Application) -> Gateway:
    found: Gateway = app.gateway
    return found


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client
