"""One who waits for the changes of a job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bff.broker.keys import Keys
from bff.broker.watch import Watch


class Change:
    """What it waits on: something may have changed since it last waited."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self, payload: bytes | None) -> None:
        self._event.set()

    @property
    def noted(self) -> bool:
        return self._event.is_set()

    def forget(self) -> None:
        self._event.clear()

    async def woken(self) -> None:
        async with asyncio.timeout(60):
            await self._event.wait()
        self._event.clear()


@asynccontextmanager
async def waiting(watch: Watch, keys: Keys, job_id: str) -> AsyncIterator[Change]:
    """Subscribed, as far as can be: what happens from now on wakes."""
    change = Change()
    async with watch.listen(keys.changed(job_id), change.note):
        change.forget()
        yield change
