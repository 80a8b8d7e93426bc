"""What a pool can bear: how high a spike of that length, how long one of that height, and without any, how much."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.planner.case import Case
from simulator.planner.outlook import Trials
from simulator.planner.search import greatest
from simulator.theory import fluid

WITHOUT_LOSS = 0.997
"""The share that succeeds, where the scenario sets no threshold."""


@dataclass(frozen=True, slots=True)
class Absorbed:
    """With at least `success_share`. None: nothing that was tried, or anything. Without a spike, a steady rate."""

    success_share: float
    per_second: float | None
    seconds: float | None
    fluid_per_second: float | None
    fluid_seconds: float | None


def absorbed_by(case: Case, success_share: float | None, trials: Trials) -> Absorbed:
    share = WITHOUT_LOSS if success_share is None else success_share

    def bears(variant: Case) -> bool:
        return trials.look(variant).success_share >= share

    worst = case.worst
    if worst is None:
        return Absorbed(share, _steadily(case, bears), None, None, None)
    capacity, patience, places = case.capacity_per_second, case.useful_seconds, case.places
    per_second = fluid.rate_absorbed(worst.duration_seconds, capacity, patience, places)
    rate = greatest(lambda rate: bears(case.with_spike(rate / case.share, worst.duration_seconds)), per_second)
    if case.peak_per_second <= capacity:
        return Absorbed(share, rate, None, per_second, None)
    seconds = fluid.seconds_absorbed(case.peak_per_second, capacity, patience, places)
    longest = greatest(lambda seconds: bears(case.with_spike(worst.rate_per_second, seconds)), seconds)
    return Absorbed(share, rate, longest, per_second, seconds)


def _steadily(case: Case, bears: Callable[[Case], bool]) -> float | None:
    """No more than the capacity: for as long as a run lasts, a queue may bear what it could not for good."""
    most = case.capacity_per_second / case.base_per_second
    if bears(case.with_traffic(most)):
        return case.capacity_per_second
    factor = greatest(lambda by: bears(case.with_traffic(by)), 0.95 * most)
    return None if factor is None else factor * case.base_per_second
