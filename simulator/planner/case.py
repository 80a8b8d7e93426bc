"""What is planned for, in the numbers that a plan turns on: the bottleneck, its queue, who comes and how they wait."""

from dataclasses import dataclass, replace
from math import ceil, inf

from bff.catalog.model import Operation, Priority
from bff.policies.admission import HOP_MS, SHED_ABOVE_PER_MILLE, START_MARGIN_MS, Admission
from bff.policies.pace import burst_us, interval_us
from bff.policies.polling import poll_after_seconds
from scenario.chance import quantile_seconds
from scenario.model import Clients, Pattern, ServiceTime, Spike, Traffic, Wait
from scenario.patience import BACKOFF_SECONDS, pause_seconds
from scenario.stage import Stage
from simulator.planner.calculators import NoPlan

RETRIED_SHARE = 0.1
"""Of the calls, that workers make again after a failure: the retry budget."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the mix, as the bottleneck sees it: `calls` it at all, `needs` it and cannot do without. Seconds
    before its call there and after it; how long it may wait for its start; `places`: how many may stand before it.
    """

    operation: str
    share: float
    calls: bool
    needs: bool
    before_seconds: float
    after_seconds: float
    patience_seconds: float
    places: int


@dataclass(frozen=True, slots=True)
class Case:
    """`number`: of the bottleneck among the stage's services, for its chance. `time` has in it what workers do again
    after failures, `failing` is the share that fails all the same.
    """

    service: str
    number: int
    slots: int
    rate_per_second: float
    time: ServiceTime
    failing: float
    parts: tuple[Part, ...]
    places: int
    ttl_seconds: float
    admission: Admission
    clients: Clients
    traffic: Traffic
    seed: int

    @property
    def capacity_per_second(self) -> float:
        """Starts per second at best: by the slots, or by the rate as workers keep to it."""
        return min(self.by_slots_per_second, self.by_rate_per_second)

    @property
    def by_slots_per_second(self) -> float:
        return self.slots / self.time.mean_seconds

    @property
    def by_rate_per_second(self) -> float:
        interval = self.interval_seconds
        return 1 / interval if interval else inf

    @property
    def interval_seconds(self) -> float:
        return interval_us(self.rate_per_second) / 1e6

    @property
    def burst_seconds(self) -> float:
        return burst_us(interval_us(self.rate_per_second)) / 1e6

    @property
    def bound_by_rate(self) -> bool:
        return self.by_rate_per_second < self.by_slots_per_second

    @property
    def share(self) -> float:
        """Of the arrivals, that come to the bottleneck."""
        return sum(part.share for part in self.parts if part.calls)

    @property
    def failing_share(self) -> float:
        """Of all arrivals, that fail since their call there does."""
        return self.failing * sum(part.share for part in self.parts if part.needs)

    @property
    def base_per_second(self) -> float:
        return self.traffic.baseline_per_second * self.share

    @property
    def worst(self) -> Spike | None:
        """The spike that piles up most, or the highest where none does."""
        return max(self.traffic.spikes, key=self._piled_up, default=None)

    def _piled_up(self, spike: Spike) -> tuple[float, float]:
        excess = max(0.0, spike.rate_per_second * self.share - self.capacity_per_second)
        return excess * spike.duration_seconds, spike.rate_per_second

    @property
    def peak_per_second(self) -> float:
        """That come to the bottleneck while the worst spike lasts."""
        return self.worst.rate_per_second * self.share if self.worst else self.base_per_second

    @property
    def peak_seconds(self) -> float:
        return self.worst.duration_seconds if self.worst else self.traffic.duration_seconds

    @property
    def first(self) -> Part:
        return next(part for part in self.parts if part.calls)

    @property
    def patience_seconds(self) -> float:
        return self.first.patience_seconds

    @property
    def useful_seconds(self) -> float:
        """The longest wait for a start that ends in time, for the queue and for its client."""
        first = self.first
        rest = first.before_seconds + self.time.mean_seconds + first.after_seconds
        return max(0.0, min(first.patience_seconds, self.clients.timeout_seconds - rest))

    @property
    def p99_rest_seconds(self) -> float:
        """From the start at the bottleneck to the end of the job, of 99 in 100."""
        return quantile_seconds(self.time, 0.99) + max(part.after_seconds for part in self.parts if part.calls)

    @property
    def told_late_seconds(self) -> float:
        """How long after its end a client that gives up late may first see it."""
        return look_seconds(self.clients, self.clients.timeout_seconds)

    def with_slots(self, slots: int) -> "Case":
        return replace(self, slots=slots)

    def with_rate_limit(self, per_second: float) -> "Case":
        return replace(self, rate_per_second=per_second)

    def with_queue(self, places: int, ttl_seconds: float) -> "Case":
        """A TTL of 0 leaves what a part bears as it is."""
        patience = ttl_seconds or inf
        parts = tuple(
            replace(
                part,
                places=_bound(places, part.places / max(1, self.places)),
                patience_seconds=min(part.patience_seconds, patience) if not self.ttl_seconds else patience,
            )
            for part in self.parts
        )
        return replace(self, places=places, ttl_seconds=ttl_seconds, parts=parts)

    def with_times(self, factor: float) -> "Case":
        time = self.time.model_copy(update={"mean_seconds": self.time.mean_seconds * factor})
        return replace(self, time=time)

    def with_traffic(self, factor: float) -> "Case":
        spikes = tuple(_times(spike, factor) for spike in self.traffic.spikes)
        base = self.traffic.baseline_per_second * factor
        return self._coming(baseline_per_second=base, spikes=spikes)

    def with_spike(self, per_second: float, seconds: float) -> "Case":
        """The worst spike made so high and so long, all others gone. Raises NoPlan where there is none."""
        if self.worst is None:
            raise NoPlan("the scenario has no spike")
        changed = {
            "rate_per_second": per_second,
            "duration_seconds": seconds,
            "ramp_seconds": 0.0,
            "every_seconds": 0.0,
        }
        spike = self.worst.model_copy(update=changed)
        return self._coming(spikes=(spike,), duration_seconds=spike.at_seconds + seconds)

    def _coming(self, **changed: object) -> "Case":
        return replace(self, traffic=self.traffic.model_copy(update=changed))


def case_of(stage: Stage) -> Case:
    """Raises NoPlan where nothing queues."""
    scenario, bottleneck = stage.scenario, stage.bottleneck
    if scenario.pattern is Pattern.SYNC:
        raise NoPlan(
            "pattern sync holds connections and queues nothing that could be sized; plan it as async, or see what "
            "bff simulate says of it"
        )
    failing = bottleneck.error_rate
    again = min(RETRIED_SHARE, failing)
    mean = bottleneck.time.mean_seconds * (1 + again)
    queue = scenario.queue
    return Case(
        service=bottleneck.name,
        number=list(stage.services).index(bottleneck.name),
        slots=bottleneck.service.max_concurrency,
        rate_per_second=bottleneck.service.rate_per_second,
        time=bottleneck.time.model_copy(update={"mean_seconds": mean}),
        failing=failing - again * (1 - failing),
        parts=tuple(_part(stage, number) for number in range(len(scenario.traffic.mix))),
        places=bottleneck.service.capacity,
        ttl_seconds=queue.ttl_seconds,
        admission=queue.admission,
        clients=scenario.clients,
        traffic=scenario.traffic,
        seed=scenario.seed,
    )


def _part(stage: Stage, number: int) -> Part:
    part = stage.scenario.traffic.mix[number]
    operation, name = stage.operations[part.operation], stage.bottleneck.name
    before, after = _around(stage, operation, name)
    deadline = stage.request_timeout_seconds(part.operation)
    own = stage.bottleneck.service.max_wait_seconds.get(part.priority, inf)
    left = deadline - before - stage.bottleneck.slow_seconds - after - START_MARGIN_MS / 1000
    return Part(
        operation=part.operation,
        share=part.share,
        calls=any(call.service == name for call in operation.calls),
        needs=any(call.service == name and call.required and not call.fallback for call in operation.calls),
        before_seconds=before,
        after_seconds=after,
        patience_seconds=max(0.0, min(own, left)),
        places=_places(stage, part.priority),
    )


def _places(stage: Stage, priority: Priority) -> int:
    service, admission = stage.bottleneck.service, stage.scenario.queue.admission
    if admission is Admission.NONE:
        return 10_000_000
    shed = SHED_ABOVE_PER_MILLE[priority] / 1000 if admission is Admission.FULL else 1.0
    return min(service.bounds[priority], _bound(service.capacity, min(1.0, shed)))


def _bound(places: int, share: float) -> int:
    return max(1, int(places * share)) if share <= 1 else round(places * share)


def _around(stage: Stage, operation: Operation, service: str) -> tuple[float, float]:
    """Seconds of the longest way to the service's call, and from it to the end; all of it before, where it has none."""
    took: dict[str, float] = {}
    for call in operation.calls:
        began = max((took[name] for name in call.after), default=0.0)
        took[call.name] = began + stage.services[call.service].time.mean_seconds
    end = max(took[call.name] for call in operation.calls if call.required)
    ours = next((call for call in operation.calls if call.service == service), None)
    if ours is None:
        return end, 0.0
    own = stage.services[service].time.mean_seconds
    return took[ours.name] - own, max(0.0, end - took[ours.name])


def look_seconds(clients: Clients, age_seconds: float) -> float:
    """Between two looks of a client that has waited so long: as it would, but no sooner than the gateway asks for."""
    if clients.wait is Wait.POLL:
        own = clients.poll_seconds
    elif clients.wait is Wait.BACKOFF:
        own = BACKOFF_SECONDS[1]
    else:
        return HOP_MS / 1000
    return pause_seconds(own, ceil(poll_after_seconds(age_seconds, 0.0)), clients)


def _times(spike: Spike, factor: float) -> Spike:
    return spike.model_copy(update={"rate_per_second": spike.rate_per_second * factor})
