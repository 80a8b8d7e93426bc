"""The tables of a scenario file. Every key has a default but `traffic.baseline_per_second`."""

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from bff.catalog.model import Priority
from bff.catalog.tables import Table
from bff.policies.admission import Admission

NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
MAX_ARRIVALS = 20_000_000
MAX_SPIKES = 10_000
LEAST_CV = 1e-3
"""What spreads less is as good as constant, and a gamma's shape would go beyond all numbers."""

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=604_800)]
PerSecond = Annotated[float, Field(ge=0, le=1_000_000)]


class Pattern(StrEnum):
    ASYNC = "async"
    SYNC = "sync"


class Arrivals(StrEnum):
    POISSON = "poisson"
    EVEN = "even"


class Wait(StrEnum):
    """How a client learns of the end."""

    POLL = "poll"
    BACKOFF = "backoff"
    LONG_POLL = "long_poll"
    SSE = "sse"
    WEBSOCKET = "websocket"


class Distribution(StrEnum):
    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    GAMMA = "gamma"


class Discipline(StrEnum):
    """Which waiting call is started next."""

    WEIGHTED = "weighted"
    FIFO = "fifo"
    LIFO = "lifo"
    PRIORITY = "priority"


class Part(Table):
    """One part of the mix; `share` is of the arrivals."""

    operation: str = Field("checkout", pattern=NAME)
    priority: Priority = Priority.NORMAL
    share: float = Field(1.0, gt=0, le=1)


class Spike(Table):
    """`rate_per_second` is in all, baseline included; `ramp_seconds`, within the duration, leads up to it, and down."""

    at_seconds: Seconds
    duration_seconds: float = Field(gt=0, le=604_800)
    rate_per_second: PerSecond
    ramp_seconds: Seconds = 0
    every_seconds: Seconds = Field(0, description="from one beginning to the next; 0: once")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if 2 * self.ramp_seconds > self.duration_seconds:
            raise ValueError(
                f"ramp_seconds {self.ramp_seconds:g}, up and down again, is longer than duration_seconds "
                f"{self.duration_seconds:g}"
            )
        if self.every_seconds and self.every_seconds < self.duration_seconds:
            raise ValueError(
                f"every_seconds {self.every_seconds:g} is shorter than duration_seconds {self.duration_seconds:g}"
            )
        return self

    def starts(self, until_seconds: float) -> Iterator[float]:
        """Of each repetition that begins before `until_seconds`."""
        at = self.at_seconds
        while at < until_seconds:
            yield at
            if not self.every_seconds:
                return
            at += self.every_seconds


class Traffic(Table):
    arrivals: Arrivals = Arrivals.POISSON
    baseline_per_second: PerSecond
    duration_seconds: float = Field(60, gt=0, le=604_800)
    warmup_seconds: Seconds = Field(0, description="left out of the figures")
    mix: tuple[Part, ...] = Field((Part(),), min_length=1, max_length=64)
    spikes: tuple[Spike, ...] = Field((), max_length=64)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        total = sum(part.share for part in self.mix)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of mix add up to {total:g}; they must to 1")
        kinds = [(part.operation, part.priority) for part in self.mix]
        if doubled := [kind for kind in kinds if kinds.count(kind) > 1]:
            raise ValueError(f"mix has {doubled[0][0]} ({doubled[0][1]}) twice; give it one share")
        if self.warmup_seconds >= self.duration_seconds:
            raise ValueError(
                f"warmup_seconds {self.warmup_seconds:g} leaves nothing of duration_seconds {self.duration_seconds:g}"
            )
        self._spikes_fit()
        return self

    def _spikes_fit(self) -> None:
        for spike in self.spikes:
            times = (self.duration_seconds - spike.at_seconds) / (spike.every_seconds or math.inf)
            if times > MAX_SPIKES:
                raise ValueError(
                    f"every_seconds {spike.every_seconds:g} repeats a spike {times:,.0f} times; allowed: {MAX_SPIKES:,}"
                )
        ended = 0.0
        for start, spike in self.each_spike():
            if start < ended:
                raise ValueError(f"a spike begins at {start:g} s, while the one before lasts until {ended:g} s")
            ended = start + spike.duration_seconds
        for spike in self.spikes:
            if spike.at_seconds >= self.duration_seconds:
                raise ValueError(
                    f"a spike begins at_seconds {spike.at_seconds:g}, when the run is over (duration_seconds "
                    f"{self.duration_seconds:g})"
                )

    def each_spike(self) -> list[tuple[float, Spike]]:
        """Every repetition with its start, in order of time."""
        starts = ((at, spike) for spike in self.spikes for at in spike.starts(self.duration_seconds))
        return sorted(starts, key=lambda each: each[0])

    def spike_spells(self) -> list[tuple[float, float]]:
        """From when to when each of them lasts."""
        return [(start, start + spike.duration_seconds) for start, spike in self.each_spike()]

    @property
    def priorities(self) -> frozenset[Priority]:
        return frozenset(part.priority for part in self.mix)


class Clients(Table):
    """What users' applications do."""

    timeout_seconds: float = Field(60, gt=0, le=86_400, description="gives up")
    wait: Wait = Wait.POLL
    poll_seconds: float = Field(2, gt=0, le=3600)
    retries: int = Field(0, ge=0, le=20, description="after a timeout or a 503")
    retry_backoff_seconds: float = Field(1.0, ge=0, le=3600)
    honours_retry_after: bool = True
    cancels: bool = Field(False, description="withdraws its job when it gives up")


class ServiceTime(Table):
    """Of one call; `cv` (deviation ÷ mean) is of lognormal and gamma."""

    distribution: Distribution = Distribution.EXPONENTIAL
    mean_seconds: float = Field(ge=1e-6, le=3600)
    cv: float = Field(1.0, ge=0, le=10)

    @property
    def is_constant(self) -> bool:
        without_spread = self.cv == 0 and self.distribution is not Distribution.EXPONENTIAL
        return without_spread or self.distribution is Distribution.CONSTANT

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if 0 < self.cv < LEAST_CV:
            raise ValueError(f"cv {self.cv:g} is neither 0 nor at least {LEAST_CV:g}")
        return self


class ServiceLoad(Table):
    """A bottleneck."""

    name: str = Field(pattern=NAME)
    max_concurrency: int = Field(100, ge=1, le=100_000, description="slots over all workers")
    rate_per_second: PerSecond = Field(0, description="0: no limit by rate")
    time: ServiceTime = ServiceTime(mean_seconds=0.8)
    error_rate: Share = 0.0


class Queue(Table):
    """The lanes before the bottlenecks."""

    capacity: int = Field(15_000, ge=1, le=10_000_000, description="waiting places of each service")
    shares: dict[Priority, Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=lambda: dict.fromkeys(Priority, 1.0), description="of it that one priority may fill"
    )
    ttl_seconds: Seconds = Field(45, description="longest wait for a start; 0: timeout - expected time - margin")
    admission: Admission = Admission.FULL
    discipline: Discipline = Discipline.WEIGHTED

    @model_validator(mode="after")
    def _every_priority(self) -> Self:
        if set(self.shares) != set(Priority):
            raise ValueError(f"shares needs each of {', '.join(Priority)}")
        return self


class Slo(Table):
    """Thresholds; what is left out is not looked at."""

    success_share: Share | None = None
    accept_p99_seconds: Seconds | None = None
    result_p95_seconds: Seconds | None = None
    drain_seconds: Seconds | None = None


class Scenario(Table):
    name: str = Field("unnamed", pattern=NAME)
    seed: int = Field(1, ge=0, le=2**31 - 1)
    replications: int = Field(30, ge=1, le=10_000, description="simulation only")
    pattern: Pattern = Pattern.ASYNC
    gateway_concurrency: int = Field(
        200,
        ge=1,
        le=1_000_000,
        description="sync only: requests that are held at once, each for a whole call",
    )
    traffic: Traffic
    clients: Clients = Clients()
    services: tuple[ServiceLoad, ...] = Field((), max_length=64)
    queue: Queue = Queue()
    slo: Slo = Slo()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [service.name for service in self.services]
        if doubled := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"service {doubled[0]!r} is named twice")
        return self

    def scaled(self, by: float) -> "Scenario":
        """Rates, slots and capacity times `by`, at least one of each."""
        if by == 1:
            return self
        spikes = tuple(s.model_copy(update={"rate_per_second": s.rate_per_second * by}) for s in self.traffic.spikes)
        rate = self.traffic.baseline_per_second * by
        traffic = self.traffic.model_copy(update={"baseline_per_second": rate, "spikes": spikes})
        services = tuple(
            service.model_copy(
                update={
                    "max_concurrency": _at_least_one(service.max_concurrency * by),
                    "rate_per_second": service.rate_per_second * by,
                }
            )
            for service in self.services
        )
        queue = self.queue.model_copy(update={"capacity": _at_least_one(self.queue.capacity * by)})
        held = _at_least_one(self.gateway_concurrency * by)
        changed = {"traffic": traffic, "services": services, "queue": queue, "gateway_concurrency": held}
        return self.model_copy(update=changed)


def _at_least_one(number: float) -> int:
    return max(1, round(number))
