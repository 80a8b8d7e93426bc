"""The workers that are alive: each says so once a second, and what it holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bff.broker.cell import Cell

EVERY_SECONDS = 1.0
GONE_SECONDS = 10
"""Who was not heard of for so long is not listed any more."""


class Held(NamedTuple):
    """Of one service: calls in flight, and entries held."""

    busy: int
    leased: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process as it was last heard of. Times are Unix ms by the broker's clock."""

    name: str
    since_ms: int
    seen_ms: int
    draining: bool
    services: Mapping[str, Held]


async def beat(cell: Cell, name: str, *, up_ms: int, draining: bool, services: Mapping[str, Held]) -> None:
    """This worker is alive, and has been for `up_ms`. Raises BrokerUnavailable."""
    keys = [cell.keys.workers(), cell.keys.worker(name)]
    await cell.run("beat", keys, [name, up_ms, int(draining), json.dumps(services), GONE_SECONDS * 1000])


async def leave(cell: Cell, name: str) -> None:
    """This worker ends. Raises BrokerUnavailable."""
    await cell.redis.execute("ZREM", cell.keys.workers(), name)
    await cell.redis.execute("DEL", cell.keys.worker(name))


async def workers(cell: Cell) -> list[Worker]:
    """By name. Raises BrokerUnavailable."""
    rows = await cell.run("workers", [cell.keys.workers()], [GONE_SECONDS * 1000])
    return sorted((_worker(*row) for row in rows), key=lambda worker: worker.name)


def _worker(name: bytes, seen_ms: int, state: bytes) -> Worker:
    since_ms, draining, services = state.decode().split(" ", 2)
    held = {service: Held(*counts) for service, counts in json.loads(services).items()}
    return Worker(name.decode(), int(since_ms), seen_ms, draining == "1", held)
