"""What a scenario is played on: its operations and all their services, those it does not name from the catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from bff.catalog.catalog import Catalog
from bff.catalog.model import Operation, Priority
from bff.catalog.services import Service
from bff.policies.admission import HOP_MS, START_MARGIN_MS, PlannedCall
from scenario.chance import quantile_seconds
from scenario.model import Distribution, Scenario, ServiceTime

SLOW = 0.95
"""A start-by counts with what this share of a service's calls does not exceed."""


@dataclass(frozen=True, slots=True)
class StageService:
    """A service as the live stack is told of it (`service`), and how it behaves.

    `named`: it is one of the scenario's bottlenecks. The others always take `expected_seconds`, never fail, and have
    room for what the bottlenecks may hold.
    """

    service: Service
    time: ServiceTime
    error_rate: float
    named: bool

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def slow_seconds(self) -> float:
        return min(quantile_seconds(self.time, SLOW), self.service.timeout_seconds)

    @property
    def calls_per_second(self) -> float:
        """That it carries at best."""
        by_slots = self.service.max_concurrency / self.time.mean_seconds
        return min(by_slots, self.service.rate_per_second) if self.service.rate_per_second else by_slots


@dataclass(frozen=True, slots=True)
class Stage:
    """By name: the mix's `operations` and the `services` they call, the bottlenecks first, as the scenario has them."""

    scenario: Scenario
    operations: Mapping[str, Operation]
    services: Mapping[str, StageService]

    @property
    def bottleneck(self) -> StageService:
        """The one that queue figures are of: the first of the scenario's, else the one that carries least."""
        services = list(self.services.values())
        return services[0] if self.scenario.services else min(services, key=lambda each: each.calls_per_second)

    @property
    def longest_wait_seconds(self) -> float:
        """The TTL; where there is none, what the clients' timeout leaves for waiting."""
        if ttl := self.scenario.queue.ttl_seconds:
            return ttl
        timeout = self.scenario.clients.timeout_seconds - START_MARGIN_MS / 1000
        return max(0.0, *(timeout - self.rest_seconds(name) for name in self.operations))

    @property
    def useful_depth(self) -> float:
        """Places of the bottleneck whose work can still start in time: what stands further back only expires."""
        return self.bottleneck.calls_per_second * self.longest_wait_seconds

    def planned(self, operation: str) -> list[PlannedCall]:
        """The calls as admission sees them; the stage's services are never cached."""
        return [
            PlannedCall(
                name=call.name,
                service=call.service,
                after=call.after,
                required=call.required,
                fallback=call.fallback is not None,
            )
            for call in self.operations[operation].calls
        ]

    def rests_seconds(self, operation: str) -> dict[str, float]:
        """From the start of each call to the end along the longest required path, each call a slow one."""
        rests: dict[str, float] = {}
        calls = self.operations[operation].calls
        for call in reversed(calls):
            later = [HOP_MS / 1000 + rests[each.name] for each in calls if each.required and call.name in each.after]
            rests[call.name] = self.services[call.service].slow_seconds + max(later, default=0.0)
        return rests

    def rest_seconds(self, operation: str) -> float:
        """From the first start to the end."""
        return max(self.rests_seconds(operation).values())

    def request_timeout_seconds(self, operation: str) -> float:
        """What a client sends as `Request-Timeout`: what it waits for; more where a longer TTL is to decide alone."""
        ttl = self.scenario.queue.ttl_seconds
        timeout = self.scenario.clients.timeout_seconds
        if not ttl:
            return timeout
        return max(timeout, ttl + self.rest_seconds(operation) + START_MARGIN_MS / 1000)


def stage_of(scenario: Scenario, catalog: Catalog) -> Stage:
    """The scenario has been read with this catalog."""
    operations = {part.operation: catalog.operations[part.operation] for part in scenario.traffic.mix}
    called = dict.fromkeys(call.service for operation in operations.values() for call in operation.calls)
    named = {
        load.name: _named(scenario, catalog.services[load.name], index) for index, load in enumerate(scenario.services)
    }
    others = {name: _unnamed(catalog.services[name], scenario) for name in called if name not in named}
    return Stage(scenario, operations, {**named, **others})


def scaled_catalog(catalog: Catalog, by: float) -> Catalog:
    """Rates, slots and capacities times `by`, at least one of each: what the scenario does not name shrinks with it."""
    services = {name: _scaled(service, by) for name, service in catalog.services.items()}
    return Catalog(catalog.operations, services, catalog.plans)


def _scaled(service: Service, by: float) -> Service:
    return service.model_copy(
        update={
            "max_concurrency": max(1, round(service.max_concurrency * by)),
            "inline_concurrency": service.inline_concurrency and max(1, round(service.inline_concurrency * by)),
            "rate_per_second": service.rate_per_second * by,
            "capacity": max(1, round(service.capacity * by)),
        }
    )


def _named(scenario: Scenario, service: Service, index: int) -> StageService:
    load, queue = scenario.services[index], scenario.queue
    longest = dict.fromkeys(Priority, queue.ttl_seconds) if queue.ttl_seconds else {}
    changed = service.model_copy(
        update={
            "max_concurrency": load.max_concurrency,
            "rate_per_second": load.rate_per_second,
            "expected_seconds": min(load.time.mean_seconds, service.timeout_seconds),
            "timeout_seconds": max(service.timeout_seconds, _timeout_seconds(load.time)),
            "capacity": queue.capacity,
            "shares": queue.shares,
            "max_wait_seconds": longest,
            "admission": queue.admission,
            "sync_share": 1.0,
        }
    )
    return StageService(changed, load.time, load.error_rate, named=True)


def _timeout_seconds(time: ServiceTime) -> float:
    """So long that hardly a call is cut off by it: one in a million, of gamma none of the 20,000 that are drawn."""
    return min(600.0, ceil(quantile_seconds(time, 1 - 1e-6)) + 1.0)


def _unnamed(service: Service, scenario: Scenario) -> StageService:
    constant = ServiceTime(distribution=Distribution.CONSTANT, mean_seconds=service.expected_seconds)
    # A job books its place from the start: what stands before the bottlenecks is counted here too.
    before = scenario.queue.capacity + sum(load.max_concurrency for load in scenario.services)
    capacity = max(service.capacity, min(before + service.max_concurrency, 10_000_000))
    changed = service.model_copy(
        update={"sync_share": 1.0, "capacity": capacity, "admission": scenario.queue.admission}
    )
    return StageService(changed, constant, 0.0, named=False)
