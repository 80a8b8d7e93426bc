"""How the lanes of all services stand, for whoever watches over them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bff.broker.cell import Cell
from bff.broker.job import Medium, pairs
from bff.catalog.model import Priority
from bff.policies.breaker import Breaker, State


@dataclass(frozen=True, slots=True)
class ServiceState:
    """`depth` is booked waiting places, `oldest_seconds` the age of the oldest entry not yet done, by priority.

    `expired` counts calls that came too late to start, since Redis was set up. `drain_rate` is calls per second with
    all slots busy; `in_flight` entries that workers hold.
    """

    capacity: int
    depth: Mapping[Priority, int]
    oldest_seconds: Mapping[Priority, float]
    expired: Mapping[Priority, int]
    drain_rate: float
    in_flight: int
    breaker: State
    dead_letters: int


async def untold(cell: Cell) -> dict[Medium, int]:
    """How many notifications lie among the dead letters. Raises BrokerUnavailable."""
    dead = await _dead_letters(cell)
    return {medium: dead.get(medium, 0) for medium in Medium}


async def survey(cell: Cell) -> dict[str, ServiceState]:
    """All services at about one moment. Raises BrokerUnavailable."""
    at_ms = await now_ms(cell)
    dead = await _dead_letters(cell)
    names = list(cell.catalog.services)
    states = await asyncio.gather(*(_state(cell, name, at_ms, dead.get(name, 0)) for name in names))
    return dict(zip(names, states, strict=True))


async def resting(cell: Cell, service: str) -> bool:
    """Whether its breaker is not closed, or it asked for a rest. Raises BrokerUnavailable."""
    fields = ("breaker.open_until", "paused_until")
    open_until, paused_until = await cell.redis.execute("HMGET", cell.keys.service(service), *fields)
    return int(open_until or 0) != 0 or (paused_until is not None and int(paused_until) > await now_ms(cell))


async def now_ms(cell: Cell) -> int:
    """Unix ms by the broker's clock, as the ids of entries and dead letters are."""
    seconds, micros = await cell.redis.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def _state(cell: Cell, service: str, at_ms: int, dead_letters: int) -> ServiceState:
    configured = cell.catalog.services[service]
    flat, synchronous, *lanes = await asyncio.gather(
        cell.redis.execute("HGETALL", cell.keys.service(service)),
        cell.redis.execute("ZCARD", cell.keys.sync(service)),
        *(_lane(cell, lane, at_ms) for lane in cell.keys.lanes(service)),
    )
    fields = pairs(flat)
    service_seconds = int(fields.get("service_us", b"0")) / 1_000_000 or configured.expected_seconds
    by_slots = configured.max_concurrency / service_seconds
    return ServiceState(
        capacity=configured.capacity,
        depth={priority: int(fields.get(f"booked.{priority}", b"0")) for priority in Priority},
        oldest_seconds={priority: age for priority, (age, _) in zip(Priority, lanes, strict=False)},
        expired={priority: int(fields.get(f"expired.{priority}", b"0")) for priority in Priority},
        drain_rate=min(by_slots, configured.rate_per_second or by_slots),
        in_flight=sum(held for _, held in lanes) + synchronous,
        breaker=Breaker(open_until_ms=int(fields.get("breaker.open_until", b"0"))).state(at_ms),
        dead_letters=dead_letters,
    )


async def _lane(cell: Cell, lane: str, at_ms: int) -> tuple[float, int]:
    """Age of the oldest entry in seconds, and how many are held by workers."""
    first, groups = await asyncio.gather(
        cell.redis.execute("XRANGE", lane, "-", "+", "COUNT", 1),
        cell.redis.execute("EXISTS", lane),
    )
    held = (await cell.redis.execute("XPENDING", lane, "workers"))[0] if groups else 0
    age_ms = at_ms - int(first[0][0].partition(b"-")[0]) if first else 0
    return max(0, age_ms) / 1000, held


async def _dead_letters(cell: Cell) -> dict[str, int]:
    """How many lie in the dead-letter stream, by service; the newest thousand are looked at."""
    counts: dict[str, int] = {}
    for _, flat in await cell.redis.execute("XREVRANGE", cell.keys.dead(), "+", "-", "COUNT", 1000):
        service = pairs(flat)["service"].decode()
        counts[service] = counts.get(service, 0) + 1
    return counts
