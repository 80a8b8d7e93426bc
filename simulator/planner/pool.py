"""The bottleneck as it stands: what it can do, and what comes to it."""

from dataclasses import dataclass

from scenario.model import Distribution
from simulator.planner.case import Case
from simulator.theory import deterministic
from simulator.theory.formulas import Unstable, mmc_wait_quantile_seconds, mmc_wait_seconds

CROWDED = 0.95
"""Above this load of equal services exact sums take too long."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Rates in 1/s; `bound_by` is slots or rate. Between spikes the waits are by formula: None where there is none, or
    no steady state.
    """

    service: str
    slots: int
    rate_per_second: float
    mean_seconds: float
    capacity_per_second: float
    bound_by: str
    base_per_second: float
    peak_per_second: float
    peak_seconds: float
    useful_depth: float
    base_load: float
    base_wait_seconds: float | None
    base_p99_wait_seconds: float | None


def pool_of(case: Case) -> Pool:
    mean, p99 = _base_waits(case)
    return Pool(
        service=case.service,
        slots=case.slots,
        rate_per_second=case.rate_per_second,
        mean_seconds=case.time.mean_seconds,
        capacity_per_second=case.capacity_per_second,
        bound_by="rate" if case.bound_by_rate else "slots",
        base_per_second=case.base_per_second,
        peak_per_second=case.peak_per_second,
        peak_seconds=case.peak_seconds,
        useful_depth=case.capacity_per_second * case.useful_seconds,
        base_load=case.base_per_second / case.capacity_per_second,
        base_wait_seconds=mean,
        base_p99_wait_seconds=p99,
    )


def _base_waits(case: Case) -> tuple[float | None, float | None]:
    """Mean and p99: M/M/c or M/D/c."""
    given = (case.base_per_second, case.time.mean_seconds, case.slots)
    if case.bound_by_rate or not case.base_per_second:
        return None, None
    try:
        if case.time.distribution is Distribution.EXPONENTIAL:
            return mmc_wait_seconds(*given), mmc_wait_quantile_seconds(*given, 0.99)
        if (
            case.time.distribution is Distribution.CONSTANT
            and case.base_per_second < CROWDED * case.by_slots_per_second
        ):
            return deterministic.wait_seconds(*given), deterministic.wait_quantile_seconds(*given, 0.99)
    except Unstable:
        pass
    return None, None
