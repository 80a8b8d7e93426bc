"""Open-loop load: wishes come at their own pace, however slowly they are answered."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.faults.client import Client
from tests.faults.cluster import CHECKOUT

MIX: tuple[tuple[str, Mapping[str, Any], int], ...] = (
    ("checkout", CHECKOUT, 6),
    ("echo", {"text": "hi"}, 4),
    ("home-screen", {"user_id": "u1"}, 3),
    ("report", {"month": "2026-01"}, 1),
)
"""Operation, parameters, share."""
PRIORITIES = ("high", "normal", "normal", "low")


POLL_SECONDS = 0.25


@asynccontextmanager
async def load(
    client: Client, per_second: float, chance: random.Random, *, cancelled: float = 0, hurried: float = 0
) -> AsyncIterator[None]:
    """Mixed operations and priorities, by a Poisson process, while the context lasts; then every POST is answered.

    Of all wishes the share `cancelled` is taken back, the share `hurried` has a deadline of two seconds.
    """
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_poll(client, over))
        group.create_task(_arrive(client, per_second, chance, over, group, cancelled, hurried))
        try:
            yield
        finally:
            over.set()


async def _arrive(
    client: Client,
    per_second: float,
    chance: random.Random,
    over: asyncio.Event,
    group: asyncio.TaskGroup,
    cancelled: float,
    hurried: float,
) -> None:
    while not over.is_set():
        operation, body, _ = chance.choices(MIX, [share for _, _, share in MIX])[0]
        headers = {"Request_Priority": chance.choice(PRIORITIES)}
        if chance.random() < 0.2:
            headers["Prefer"] = "wait=1"
        if chance.random() < hurried:
            headers["Request_Timeout"] = "2"
        # A call that nothing undoes is broken off, and its slot given to another while the service may still be at it.
        wish = client.submit_and_cancel if chance.random() < cancelled else client.submit
        group.create_task(wish(operation, body, **headers))
        await asyncio.sleep(chance.expovariate(per_second))


async def _poll(client: Client, over: asyncio.Event) -> None:
    while not over.is_set():
        await client.poll()
        await asyncio.sleep(POLL_SECONDS)
