"""The broker's state as a gateway shows it: read at the scrape, at most once a second, never waited for longer."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bff.broker.cell import Cell
from bff.broker.contact import Contact
from bff.broker.errors import BrokerUnavailable
from bff.broker.health import Health, health_of, info_of, takes_writes
from bff.broker.survey import ServiceState, dead_letters, survey
from bff.broker.unclaimed import unclaimed
from bff.broker.workers import workers
from bff.catalog.model import Priority
from bff.policies.breaker import State

FRESH_SECONDS = 1.0
WITHIN_SECONDS = 3.0
"""As long as a command may take: on a machine that is overloaded Redis is slow, and not away."""
BREAKER_STATES = (State.CLOSED, State.HALF_OPEN, State.OPEN)

# Name, what it is, and how it is read.
ByLane = tuple[str, str, Callable[[ServiceState], Mapping[Priority, float]]]
ByService = tuple[str, str, Callable[[ServiceState], float]]
OfRedis = tuple[str, str, Callable[[Health], float]]

BY_LANE: tuple[ByLane, ...] = (
    ("bff_queue_depth", "Booked waiting places.", lambda state: state.depth),
    ("bff_queue_oldest_age_seconds", "Age of the oldest entry not done.", lambda state: state.oldest_seconds),
    ("bff_predicted_wait_seconds", "What admission predicts for a newcomer.", lambda state: state.wait_seconds),
    ("bff_max_wait_seconds", "Longest wait for a start that is allowed.", lambda state: state.max_wait_seconds),
)
BY_SERVICE: tuple[ByService, ...] = (
    ("bff_queue_capacity", "Waiting places in all.", lambda state: state.capacity),
    ("bff_service_slots", "Calls that may be in flight at once.", lambda state: state.slots),
    ("bff_slots_in_flight", "Entries that workers hold, all together.", lambda state: state.in_flight),
    ("bff_drain_rate", "Calls per second with all slots busy, as measured.", lambda state: state.drain_rate),
    (
        "bff_breaker_state",
        "The breaker: 0 closed, 1 half-open, 2 open.",
        lambda state: BREAKER_STATES.index(state.breaker),
    ),
)
OF_REDIS: tuple[OfRedis, ...] = (
    ("bff_redis_primary", "1 where it is a primary, 0 where a replica.", lambda health: health.primary),
    ("bff_redis_memory_used_bytes", "Memory that it uses.", lambda health: health.memory_used_bytes),
    ("bff_redis_memory_max_bytes", "Memory that it may use; 0: no bound.", lambda health: health.memory_max_bytes),
    ("bff_redis_aof_enabled", "Whether it keeps an append-only file.", lambda health: health.aof_enabled),
    ("bff_redis_aof_write_ok", "Whether its last write there went well.", lambda health: health.aof_write_ok),
    ("bff_redis_aof_rewrite_ok", "Whether its last rewrite of it did.", lambda health: health.aof_rewrite_ok),
    ("bff_redis_rdb_save_ok", "Whether its last snapshot did.", lambda health: health.rdb_save_ok),
    ("bff_redis_replicas", "Replicas that are connected.", lambda health: health.connected_replicas),
    (
        "bff_redis_replica_lag_bytes",
        "What the replica that is furthest behind has not got yet.",
        lambda health: health.replica_lag_bytes,
    ),
    (
        "bff_redis_replica_lag_seconds",
        "For how long a replica has not been heard of, at most.",
        lambda health: health.replica_lag_seconds,
    ),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The broker at about one moment. `taking` workers are alive and not draining."""

    services: Mapping[str, ServiceState]
    dead_letters: Mapping[str, int]
    unclaimed: Mapping[str, int]
    taking: int
    health: Health
    writable: bool


class BrokerMetrics(Collector):
    """The same on every gateway: rules take `max by`, never `sum`. While the broker is away, that alone is said."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._contact = Contact("reading of metrics")

    async def refresh(self, cell: Cell) -> None:
        """Whoever asks while it is read waits for that reading."""
        async with self._one_at_a_time:
            if time.monotonic() - self._read_at < FRESH_SECONDS:
                return
            try:
                async with asyncio.timeout(WITHIN_SECONDS):
                    self._reading = await _read(cell)
                self._contact.made()
            except (BrokerUnavailable, TimeoutError) as error:
                self._reading = None
                self._contact.lost(str(error) or "it does not answer in time")
            self._read_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        reading = self._reading
        yield GaugeMetricFamily("bff_redis_up", "Whether the broker answers in time.", value=reading is not None)
        if reading is None:
            return
        yield from _by_lane(reading.services)
        yield from _by_service(reading.services)
        yield GaugeMetricFamily("bff_redis_writable", "Whether it takes writes.", value=reading.writable)
        yield from _of_redis(reading.health)
        yield GaugeMetricFamily("bff_workers", "Workers that are alive and not draining.", value=reading.taking)
        dead = GaugeMetricFamily("bff_dead_letters", "Calls and notifications given up.", labels=["service"])
        for service, count in reading.dead_letters.items():
            dead.add_metric([service], count)
        unclaimed = CounterMetricFamily(
            "bff_results_unclaimed",
            "Results of succeeded jobs whose time is over and that nobody fetched.",
            labels=["operation"],
        )
        for operation, count in reading.unclaimed.items():
            unclaimed.add_metric([operation], count)
        yield from (dead, unclaimed)


async def _read(cell: Cell) -> Reading:
    services, dead, gone, alive, info, writable = await asyncio.gather(
        survey(cell), dead_letters(cell), unclaimed(cell), workers(cell), info_of(cell.redis), takes_writes(cell)
    )
    taking = sum(not worker.draining for worker in alive)
    return Reading(services, dead, gone, taking, health_of(info), writable)


def _by_lane(services: Mapping[str, ServiceState]) -> Iterator[Metric]:
    labels = ["service", "priority"]
    for name, what, read in BY_LANE:
        gauge = GaugeMetricFamily(name, what, labels=labels)
        for service, state in services.items():
            for priority, value in read(state).items():
                gauge.add_metric([service, priority], value)
        yield gauge
    expired = CounterMetricFamily("bff_calls_expired", "Calls that came too late to start.", labels=labels)
    for service, state in services.items():
        for priority, count in state.expired.items():
            expired.add_metric([service, priority], count)
    yield expired


def _by_service(services: Mapping[str, ServiceState]) -> Iterator[Metric]:
    for name, what, read in BY_SERVICE:
        gauge = GaugeMetricFamily(name, what, labels=["service"])
        for service, state in services.items():
            gauge.add_metric([service], read(state))
        yield gauge


def _of_redis(health: Health) -> Iterator[Metric]:
    for name, what, read in OF_REDIS:
        yield GaugeMetricFamily(name, what, value=read(health))
    what = "Keys that it dropped for want of memory; must stay 0."
    yield CounterMetricFamily("bff_redis_evicted_keys", what, value=health.evicted_keys)
