"""The broker as one process uses it: every connection it holds, made and closed in one place."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bff.broker.background import background
from bff.broker.cell import Cell
from bff.broker.contact import Contact
from bff.broker.duty import repeat
from bff.broker.errors import BrokerUnavailable
from bff.broker.expiry import Expiry
from bff.broker.health import info_of
from bff.broker.job import Ended
from bff.broker.jobs import Jobs
from bff.broker.keys import Keys
from bff.broker.pipeline import Pipeline
from bff.broker.requeue import Requeue
from bff.broker.unclaimed import EVERY_SECONDS, Tally
from bff.broker.watch import Watch
from bff.catalog.catalog import Catalog

FLOOR = (6, 2)


@dataclass(frozen=True, slots=True)
class Broker:
    """`pipeline` carries every command but those that block (see Arrivals), `watch` the changes."""

    cell: Cell
    pipeline: Pipeline
    watch: Watch
    jobs: Jobs

    async def complaint(self) -> str | None:
        """What is wrong with this Redis for our use, or None. Raises BrokerUnavailable."""
        # Waits where writes do, and is refused where our keys are not; INFO is answered all the same.
        await self.pipeline.execute("EVAL", "return 1", 1, self.cell.keys.settings())
        info = await info_of(self.pipeline)
        version = info.get("redis_version", "0")
        if tuple(int(part) for part in version.split(".")[:2]) < FLOOR:
            return f"Redis {version} is too old; 6.2 or later is needed"
        policy = info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            return f"Redis evicts keys (maxmemory-policy {policy}), so accepted jobs could vanish; set noeviction"
        if info.get("role") == "slave":
            return "Redis is a read-only replica; the address of the primary is needed"
        return None


@asynccontextmanager
async def connected(
    url: str,
    catalog: Catalog,
    *,
    on_ended: Callable[[Iterable[Ended]], None],
    prefix: str = "bff",
    result_ttl_seconds: int = 86_400,
) -> AsyncIterator[Broker]:
    """The broker with its quick duties running. Redis need not be there yet: it is waited for in the background."""
    keys = Keys(prefix)
    pipeline = Pipeline(url)
    cell = Cell(pipeline, catalog, keys, result_ttl_seconds, f"{socket.gethostname()}-{os.getpid()}")
    async with (
        Watch(url, keys).running() as watch,
        background(
            configure=_configure(cell),
            expire=repeat("expire", Expiry(cell, on_ended).run_once),
            requeue=repeat("requeue", Requeue(cell).run_once),
            tally=repeat("tally", Tally(cell).run_once, EVERY_SECONDS),
        ),
    ):
        yield Broker(cell, pipeline, watch, Jobs(cell))
    await pipeline.aclose()


async def _configure(cell: Cell) -> None:
    contact = Contact("laying down the catalog")
    while True:
        try:
            await cell.configure()
            return contact.made()
        except BrokerUnavailable as error:
            contact.lost(error)
            await asyncio.sleep(0.5)
