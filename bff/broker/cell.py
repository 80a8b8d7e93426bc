"""One cell of the broker: its keys, its scripts, and the catalog laid down where they read it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from bff.broker.errors import NOT_KEPT, BrokerUnavailable
from bff.broker.keys import Keys
from bff.broker.script import Script, batched, script
from bff.catalog.catalog import Catalog
from bff.catalog.model import Priority
from bff.catalog.services import Service
from bff.policies import pace

_BATCHED = frozenset({"finish", "read", "submit"})
"""Short, and asked for by many at once."""


class Runs(Protocol):
    """What a cell needs of a connection; `Pipeline` is the real one."""

    async def execute(self, *command: str | bytes | int | float) -> Any: ...

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """Runs scripts; where Redis has lost what was laid down (a flush, a failover), lays it down again."""

    redis: Runs
    catalog: Catalog
    keys: Keys = Keys()
    result_ttl_seconds: int = 86_400
    process: str = ""
    """By which operators know this one."""

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """A script's reply; raises BrokerUnavailable."""
        wanted = batched(name) if name in _BATCHED else script(name)
        reply = await self.redis.run(wanted, keys, arguments)
        if reply == [b"unconfigured"]:
            await self.configure()
            reply = await self.redis.run(wanted, keys, arguments)
            if reply == [b"unconfigured"]:
                raise BrokerUnavailable(NOT_KEPT)
        return reply

    async def configure(self) -> None:
        """Lay down settings, services, plans and lanes. Repeatable; the last process to start decides."""
        services = {name: _fields(service) for name, service in self.catalog.services.items()}
        plans = {plan.id: plan.document for plan in self.catalog.plans.values()}
        settings = {"result_ttl_ms": self.result_ttl_seconds * 1000}
        documents = [json.dumps(part) for part in (settings, services, plans)]
        await self.redis.run(script("configure"), [self.keys.settings()], documents)


def _fields(service: Service) -> dict[str, int | str]:
    """What scripts know of a service: whole numbers, ms, and us where calls are paced."""
    interval_us = pace.interval_us(service.rate_per_second)
    fields: dict[str, int | str] = {
        "max_concurrency": service.max_concurrency,
        "sync_slots": service.sync_slots,
        "interval_us": interval_us,
        "burst_us": pace.burst_us(interval_us),
        "timeout_ms": round(service.timeout_seconds * 1000),
        "expected_us": round(service.expected_seconds * 1_000_000),
        "capacity": service.capacity,
        "admission": service.admission.value,
    }
    breaker = service.breaker
    fields |= {
        "breaker.failure_percent": breaker.failure_percent,
        "breaker.minimum_calls": breaker.minimum_calls,
        "breaker.window_ms": round(breaker.window_seconds * 1000),
        "breaker.open_ms": round(breaker.open_seconds * 1000),
    }
    fields |= {f"bound.{priority}": bound for priority, bound in service.bounds.items()}
    longest = service.max_wait_seconds  # 0 where there is none, so that one laid down before does not stay
    return fields | {f"max_wait_ms.{p}": ceil(longest.get(p, 0) * 1000) for p in Priority}
