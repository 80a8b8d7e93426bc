"""What is noted of a run beside its requests."""

from collections import Counter
from dataclasses import dataclass, field

from scenario.result import Series
from scenario.tally import Run, per_second
from simulator.engine.plan import Plan


@dataclass(slots=True)
class Meter:
    """`warm` to `sent` (s): in which what is counted was sent. `calm_from`: from then on an empty queue counts.

    Instants are of what happened, in order.
    """

    warm: float
    sent: float
    calm_from: float | None
    slots: int
    attempts: int = 0
    accepted: int = 0
    polls: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    busy_seconds: float = 0.0
    emptied_at: float | None = None
    arrived_at: list[float] = field(default_factory=list)
    accepted_at: list[float] = field(default_factory=list)
    served_at: list[float] = field(default_factory=list)
    expired_at: list[float] = field(default_factory=list)
    rejected_at: list[float] = field(default_factory=list)
    depth: list[float] = field(default_factory=list)
    oldest_age: list[float] = field(default_factory=list)

    def booked(self, places: int) -> None:
        if places > self.peak:
            self.peak = places

    def worked(self, start: float, end: float) -> None:
        """A slot of the bottleneck."""
        within = min(end, self.sent) - max(start, self.warm)
        if within > 0:
            self.busy_seconds += within

    def emptied(self, now: float) -> None:
        """Nobody waits at the bottleneck."""
        if self.emptied_at is None and self.calm_from is not None and now >= self.calm_from:
            self.emptied_at = now

    def waits(self, now: float) -> None:
        """Somebody does again; at the same instant it was not empty for any time."""
        if self.emptied_at == now:
            self.emptied_at = None

    def looked(self, depth: int, oldest_age: float) -> None:
        """At the end of each second."""
        self.depth.append(depth)
        self.oldest_age.append(oldest_age)

    def run(self) -> Run:
        seconds = len(self.depth)
        events = (self.arrived_at, self.accepted_at, self.served_at, self.expired_at, self.rejected_at)
        arrived, accepted, served, expired, rejected = (per_second(instants, seconds) for instants in events)
        return Run(
            attempts=self.attempts,
            accepted=self.accepted,
            rejected_by_reason=self.rejected_by_reason,
            peak_depth=self.peak,
            first_rejection_at=self.rejected_at[0] if self.rejected_at else None,
            first_expiry_at=self.expired_at[0] if self.expired_at else None,
            emptied_at=self.emptied_at,
            utilisation=self.busy_seconds / ((self.sent - self.warm) * self.slots),
            polls=self.polls,
            series=Series(
                seconds=[float(second) for second in range(seconds)],
                depth=self.depth,
                oldest_age=self.oldest_age,
                arrived=arrived,
                accepted=accepted,
                served=served,
                expired=expired,
                rejected=rejected,
            ),
        )


def meter_of(plan: Plan) -> Meter:
    traffic = plan.stage.scenario.traffic
    spikes = traffic.spike_spells()
    return Meter(
        warm=traffic.warmup_seconds,
        sent=traffic.duration_seconds,
        calm_from=min(spikes[-1][1], traffic.duration_seconds) if spikes else None,
        slots=plan.services[plan.bottleneck].service.max_concurrency,
    )
