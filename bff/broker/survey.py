"""How the lanes of all services stand, for whoever watches over them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bff.broker.cell import Cell
from bff.broker.job import Medium, pairs
from bff.broker.standing import Standing, standing_of
from bff.catalog.catalog import Catalog
from bff.catalog.model import Priority
from bff.policies.breaker import Forced, State

NEWEST = 1000
AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """`slots` calls may be in flight, `in_flight` entries are held by workers. By priority: `depth` is booked waiting
    places, `oldest_seconds` the age of the oldest entry not yet done, `wait_seconds` what admission predicts for a
    newcomer, `max_wait_seconds` the longest wait allowed; `expired` counts calls that came too late to start, since
    Redis was set up. `drain_rate` is calls per second with all slots busy.
    """

    capacity: int
    slots: int
    in_flight: int
    depth: Mapping[Priority, int]
    oldest_seconds: Mapping[Priority, float]
    wait_seconds: Mapping[Priority, float]
    max_wait_seconds: Mapping[Priority, float]
    expired: Mapping[Priority, int]
    drain_rate: float
    breaker: State
    standing: Standing


async def dead_letters(cell: Cell) -> dict[str, int]:
    """How many lie among the dead letters, by service, and by medium of notifications; the newest thousand are looked
    at. Raises BrokerUnavailable.
    """
    counts = pairs(await cell.run("dead", [cell.keys.dead()], [NEWEST, AT_ONCE]))
    return {name: int(counts.get(name, 0)) for name in (*cell.catalog.services, *Medium)}


async def survey(cell: Cell) -> dict[str, ServiceState]:
    """All services at about one moment. Raises BrokerUnavailable."""
    names = list(cell.catalog.services)
    states = await asyncio.gather(*(_state(cell, name) for name in names))
    return dict(zip(names, states, strict=True))


async def breaker_is_closed(cell: Cell, service: str) -> bool:
    """Neither open nor half-open, by the ends of calls or by an operator's word. Raises BrokerUnavailable."""
    fields = ("breaker.open_until", "breaker.forced")
    open_until, forced = await cell.redis.execute("HMGET", cell.keys.service(service), *fields)
    return not int(open_until or 0) if forced is None else forced.decode() == Forced.CLOSED


async def resting(cell: Cell, service: str) -> bool:
    """Whether its breaker is not closed, or it is paused. Raises BrokerUnavailable."""
    fields = ("breaker.open_until", "paused_until", "breaker.forced", "held_until")
    read = await cell.redis.execute("HMGET", cell.keys.service(service), *fields)
    open_until, paused_until, forced, held_until = (each and each.decode() for each in read)
    if forced == Forced.OPEN or held_until == "0" or (int(open_until or 0) and forced != Forced.CLOSED):
        return True
    rests_until = max(int(paused_until or 0), int(held_until or 0))
    return bool(rests_until) and rests_until > await now_ms(cell)


async def now_ms(cell: Cell) -> int:
    """Unix ms by the broker's clock, as the ids of entries and dead letters are."""
    seconds, micros = await cell.redis.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def _state(cell: Cell, service: str) -> ServiceState:
    configured = cell.catalog.services[service]
    keys = [cell.keys.service(service), *cell.keys.lanes(service)]
    at_ms, flat, oldest_ms, waits_ms, in_flight, measured = await cell.run("survey", keys, [service])
    fields = pairs(flat)
    standing = standing_of(fields, at_ms, measured)
    service_seconds = standing.service_seconds or configured.expected_seconds
    by_slots = configured.max_concurrency / service_seconds
    return ServiceState(
        capacity=configured.capacity,
        slots=configured.max_concurrency,
        in_flight=in_flight,
        depth=_counts(fields, "booked"),
        oldest_seconds=_seconds(oldest_ms),
        wait_seconds=_seconds(waits_ms),
        max_wait_seconds={priority: _max_wait_seconds(cell.catalog, service, priority) for priority in Priority},
        expired=_counts(fields, "expired"),
        drain_rate=min(by_slots, configured.rate_per_second or by_slots),
        breaker=standing.breaker.state(at_ms),
        standing=standing,
    )


def _counts(fields: Mapping[str, bytes], word: str) -> dict[Priority, int]:
    return {priority: int(fields.get(f"{word}.{priority}", b"0")) for priority in Priority}


def _seconds(milliseconds: Sequence[Any]) -> dict[Priority, float]:
    return {priority: each / 1000 for priority, each in zip(Priority, milliseconds, strict=True)}


def _max_wait_seconds(catalog: Catalog, service: str, priority: Priority) -> float:
    """As services.toml has it; without one, for as long as a client of an operation that calls it may wait."""
    asking = [each for each in catalog.operations.values() if any(call.service == service for call in each.calls)]
    longest = max((operation.max_timeout_seconds for operation in asking), default=0.0)
    return catalog.services[service].max_wait_seconds.get(priority, longest)
