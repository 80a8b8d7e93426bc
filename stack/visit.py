"""What commands of operators do at the broker: visit it, and leave what gateways and workers hold to as it is."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from bff.broker.cell import Cell
from bff.broker.dead_letters import NotReplayed
from bff.broker.errors import BrokerUnavailable
from bff.broker.keys import Keys
from bff.broker.pipeline import Pipeline
from bff.catalog.catalog import load_catalog
from bff.catalog.tables import CatalogError
from bff.settings import BrokerSettings, KeepingSettings
from stack.options import without_password


class VisitedCell(Cell):
    """Lays nothing down: what gateways and workers hold to stays as it is, whatever services file this was given."""

    async def configure(self) -> None:
        reason = "the gateways were started with another catalog; give the services file that they have (--services)"
        raise NotReplayed(reason)


def visit(command: str, settings: BrokerSettings, act: Callable[[Cell], Awaitable[bool]]) -> None:
    """Do it, and exit with 1 where it could not be done: one line says why."""

    async def run() -> bool:
        async with _visited(settings) as cell:
            return await act(cell)

    try:
        done = asyncio.run(run())
    except CatalogError as error:
        sys.exit(f"{command}: {error}")
    except BrokerUnavailable as error:
        sys.exit(f"{command}: {error} ({without_password(settings.redis_url)}, --redis-url)")
    if not done:
        sys.exit(1)


@asynccontextmanager
async def _visited(settings: BrokerSettings) -> AsyncIterator[Cell]:
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    pipeline = Pipeline(settings.redis_url)
    cell = VisitedCell(pipeline, catalog, Keys(settings.key_prefix))
    if isinstance(settings, KeepingSettings):
        cell = replace(cell, result_ttl_seconds=settings.result_ttl_seconds)
    try:
        yield cell
    finally:
        await pipeline.aclose()
