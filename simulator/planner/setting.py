"""What to set: slots, rate, places, TTL; and what then is to be expected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from scenario.model import Slo
from scenario.stage import Stage
from simulator.planner.calculators import Memory, NoPlan, memory_of, queue_for_spike, ttl_from_timeout
from simulator.planner.case import Case
from simulator.planner.check import Check, checked
from simulator.planner.needs import Need
from simulator.planner.outlook import Outlook, Trials, confirmations

SPARE = 1.2
"""Places, over what was needed when it was simulated."""
FURTHER = 1.02
"""Slots are raised by a fiftieth, until more replications, and the whole of it, agree with the search."""
TIMES = 3
RESULTS_KEPT_SECONDS = 3600.0
"""For what memory is reckoned: an hour, as docs/operating.md recommends."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`check`: None where playing it as a whole takes too long. The three reasons are sentences."""

    slots: int
    rate_per_second: float
    places: int
    ttl_seconds: float
    slots_why: str
    places_why: str
    ttl_why: str
    outlook: Outlook
    check: Check | None
    met: bool
    memory: Memory

    @property
    def why(self) -> tuple[str, str, str]:
        return self.slots_why, self.places_why, self.ttl_why


def binding(needs: Sequence[Need]) -> Need | None:
    """What cannot be met at all, else what needs the highest rate, else the most slots."""
    return max(needs, key=lambda each: (each.slots is None, each.rate_per_second or 0.0, each.slots or 0), default=None)


def setting_of(
    stage: Stage, case: Case, needs: Sequence[Need], trials: Trials, *, feasible: bool
) -> tuple[Setting, Case]:
    """And the case that it makes. What is feasible as it stands keeps its slots."""
    slo = stage.scenario.slo
    slots = case.slots if feasible else max(case.slots, *(need.slots or 0 for need in needs))
    rate = max([case.rate_per_second, *(need.rate_per_second or 0.0 for need in needs)])
    ttl, ttl_why = _ttl(case)
    variant = case.with_slots(slots).with_rate_limit(rate)
    chosen, places_why = _with_places(variant, ttl, trials)
    look = _looking(stage, slo, trials)
    outlook, check, met = look(chosen)
    if all(need.slots is not None for need in needs):
        for _ in range(TIMES):
            if met:
                break
            variant = variant.with_slots(ceil(variant.slots * FURTHER))
            chosen, places_why = _with_places(variant, ttl, trials)
            outlook, check, met = look(chosen)
    slots_why, memory = _slots_why(needs, feasible), _memory(stage, chosen)
    return Setting(
        chosen.slots, rate, chosen.places, ttl, slots_why, places_why, ttl_why, outlook, check, met, memory
    ), chosen


def _looking(stage: Stage, slo: Slo, trials: Trials) -> Callable[[Case], tuple[Outlook, Check | None, bool]]:
    def look(chosen: Case) -> tuple[Outlook, Check | None, bool]:
        outlook = trials.look(chosen, confirmations(chosen))
        check = checked(stage, chosen, slo)
        if check is not None:
            return outlook, check, not check.missed
        return outlook, None, all(each.met for each in outlook.held_to(slo))

    return look


def _slots_why(needs: Sequence[Need], feasible: bool) -> str:
    most = binding(needs)
    if most is None:
        return "as it stands: there is no threshold to meet"
    if feasible:
        return "as it stands: every threshold is met"
    return most.why if most.slots is None else f"{most.name} needs most"


def _ttl(case: Case) -> tuple[float, str]:
    try:
        longest = ttl_from_timeout(case.clients.timeout_seconds, case.p99_rest_seconds, case.told_late_seconds)
    except NoPlan as error:
        return case.ttl_seconds, str(error)
    if case.ttl_seconds and case.ttl_seconds <= longest.seconds:
        return case.ttl_seconds, f"as it stands; up to {longest.seconds:.3g} s would do: {longest.why}"
    return int(longest.seconds * 10) / 10, longest.why


def _with_places(variant: Case, ttl: float, trials: Trials) -> tuple[Case, str]:
    """min(excess × T, C × TTL), with room for chance: a fifth more than waited where all that is useful had a place."""
    capacity, share = variant.capacity_per_second, min(1.0, variant.first.places / variant.places)
    patience = min(ttl, variant.useful_seconds) if ttl else variant.useful_seconds
    sized = queue_for_spike(variant.peak_per_second, variant.peak_seconds, capacity, patience)
    roomy = variant.with_queue(max(variant.places, ceil(sized.useful / share)), ttl)
    waited = trials.look(roomy).peak_depth
    needed = min(sized.useful, max(sized.places, ceil(SPARE * waited), variant.slots))
    places = max(1, _rounded_up(needed / share))
    return variant.with_queue(places, ttl), f"{sized.why} When it was simulated, {waited:,.0f} waited at the most."


def _rounded_up(places: float) -> int:
    """To two digits."""
    unit: int = 10 ** max(0, len(str(ceil(places))) - 2)
    return ceil(places / unit) * unit


def _memory(stage: Stage, chosen: Case) -> Memory:
    operations = list(stage.operations)
    ended = min(chosen.base_per_second, chosen.capacity_per_second)
    return memory_of(chosen.places, ended, RESULTS_KEPT_SECONDS, operations[0] if len(operations) == 1 else None)
