"""When to add capacity: how early an alarm sees a spike, and how early it would have to, given what adding takes."""

import math
from dataclasses import dataclass

from simulator.theory import fluid


@dataclass(frozen=True, slots=True)
class Rise:
    """A spike that outruns the pool, as a fluid: rates in 1/s, from the spike's start."""

    spike_per_second: float
    capacity_per_second: float
    ttl_seconds: float
    places: int

    @property
    def excess_per_second(self) -> float:
        return self.spike_per_second - self.capacity_per_second

    @property
    def first_doomed_seconds(self) -> float:
        return fluid.first_doomed_seconds(self.spike_per_second, self.capacity_per_second, self.ttl_seconds)

    @property
    def first_loss_seconds(self) -> float:
        """The first arrival that is refused, or will expire."""
        full = fluid.seconds_to_depth(self.places, self.spike_per_second, self.capacity_per_second)
        return min(full, self.first_doomed_seconds)


@dataclass(frozen=True, slots=True)
class Alarm:
    """`fires_seconds` after the spike's start, `early_seconds` before the first is lost; negative: later."""

    sees: str
    fires_seconds: float
    early_seconds: float


@dataclass(frozen=True, slots=True)
class Trigger:
    """`predicted_wait_seconds`: fire at this; None where no alarm is early enough, or none is needed.

    `capacity_per_second`: with which an alarm at the spike's first moment would be early enough.
    """

    lead_seconds: float
    predicted_wait_seconds: float | None
    capacity_per_second: float
    alarms: tuple[Alarm, ...]
    why: str


def by_depth(rise: Rise, depth: float) -> float:
    """Seconds until so many wait."""
    return fluid.seconds_to_depth(depth, rise.spike_per_second, rise.capacity_per_second)


def by_predicted_wait(rise: Rise, seconds: float) -> float:
    """Seconds until a newcomer would wait so long: what waits ÷ capacity."""
    return by_depth(rise, seconds * rise.capacity_per_second)


def by_oldest_age(rise: Rise, seconds: float) -> float:
    """Seconds until the oldest has waited so long. Who is next came at t C ÷ λs."""
    return seconds * rise.spike_per_second / rise.excess_per_second if rise.excess_per_second > 0 else math.inf


def by_mean_age(rise: Rise, seconds: float) -> float:
    """Seconds until what waits has waited so long on average: half as long as the oldest."""
    return by_oldest_age(rise, 2 * seconds)


def trigger(rise: Rise, lead_seconds: float, depth_share: float = 0.7, wait_seconds: float = 10.0) -> Trigger:
    """`lead_seconds` pass between the alarm and the new capacity; until then the queue has to hold what comes."""
    alarms = tuple(
        Alarm(sees, fires, rise.first_loss_seconds - fires)
        for sees, fires in (
            (f"predicted wait ≥ {wait_seconds:g} s", by_predicted_wait(rise, wait_seconds)),
            (f"oldest job ≥ {wait_seconds:g} s", by_oldest_age(rise, wait_seconds)),
            (f"mean age ≥ {wait_seconds:g} s", by_mean_age(rise, wait_seconds)),
            (f"depth ≥ {depth_share:.0%} of {rise.places:,}", by_depth(rise, depth_share * rise.places)),
        )
    )
    # Over the lead the queue may grow to what is useful, and to its places: C ≥ λs − min(K, C τ) / L.
    by_ttl = rise.spike_per_second * lead_seconds / (lead_seconds + rise.ttl_seconds)
    by_places = rise.spike_per_second - rise.places / lead_seconds if lead_seconds else 0.0
    enough = max(by_ttl, by_places, 0.0)
    if rise.excess_per_second <= 0:
        return Trigger(lead_seconds, None, enough, (), "What comes can be served: nothing has to be added.")
    latest = rise.first_loss_seconds - lead_seconds
    if latest < 0:
        why = (
            f"The first arrival is lost {rise.first_loss_seconds:.3g} s after the spike's start, and new capacity "
            f"takes {lead_seconds:g} s: an alarm would have to fire {-latest:.3g} s before the spike. Add capacity on "
            f"schedule, or keep {enough:.4g}/s: then an alarm at the first moment is early enough."
        )
        return Trigger(lead_seconds, None, enough, alarms, why)
    wait = latest * rise.excess_per_second / rise.capacity_per_second
    why = (
        f"At a predicted wait of {wait:.3g} s, {latest:.3g} s after the spike's start, new capacity comes just before "
        f"the first arrival is lost; fire earlier than that."
    )
    return Trigger(lead_seconds, wait, enough, alarms, why)
