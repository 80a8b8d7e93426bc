from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bff.trace.open_telemetry import OpenTelemetry
from bff.trace.span import UNTRACED, trace_with
from tests.broker.servers import Server, binaries, running
from tests.trace.parts import Parts, parts


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with running(min(binaries().items())[1]) as server:
        yield server


@pytest.fixture
def recorded() -> Iterator[InMemorySpanExporter]:
    """Every span that ends is in it at once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_with(OpenTelemetry(provider))
    yield exporter
    trace_with(UNTRACED)
    provider.shutdown()


@pytest.fixture
async def whole(redis: Server) -> AsyncIterator[Parts]:
    async with parts(redis.url) as made:
        yield made
