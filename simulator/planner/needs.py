"""How many slots each threshold needs, and where the rate decides instead, how much of that."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from scenario.arrivals import expected_arrivals
from scenario.chance import quantile_seconds
from scenario.model import Slo
from scenario.result import Threshold
from simulator.planner.case import Case
from simulator.planner.check import Check
from simulator.planner.outlook import Outlook, Trials, confirmations
from simulator.planner.search import least

AMPLE = 3
"""Times what the peak keeps busy: with so many slots nothing is left that slots could better."""
RATE_STEPS = 200
"""A rate is found to so small a part of the peak."""


@dataclass(frozen=True, slots=True)
class Need:
    """`slots`: the least that meet the threshold, None: none do. `rate_per_second`: the least that must be allowed,
    where more slots buy nothing; the slots are then those that it needs.
    """

    name: str
    wanted: float
    got: float | None
    met: bool
    slots: int | None
    rate_per_second: float | None
    why: str


def needs_of(case: Case, slo: Slo, trials: Trials, check: Check | None = None) -> tuple[Need, ...]:
    """With the queue and the clients as they are. Where it was played as a whole, that says what is met so far."""
    held = trials.look(case, confirmations(case)).held_to(slo)
    if check is not None:
        held = [Threshold(each.name, each.wanted, *check.of(each.name)) for each in held]
    return tuple(_Threshold(case, slo, each, trials).need() for each in held)


class _Threshold:
    def __init__(self, case: Case, slo: Slo, threshold: Threshold, trials: Trials) -> None:
        self._case = case
        self._slo = slo
        self._threshold = threshold
        self._trials = trials
        self._ample = max(case.slots, ceil(AMPLE * case.peak_per_second * case.time.mean_seconds) + 20)

    def need(self) -> Need:
        slots = self._slots_for(self._case)
        if slots is not None:
            return self._said(slots, None, "")
        unlimited = self._case.with_slots(self._ample).with_rate_limit(0)
        if not self._case.rate_per_second or not self._met(self._trials.look(unlimited)):
            if self._threshold.met:
                why = f"met as it stands, played as a whole; by the bottleneck alone {self._hopeless()}"
                return self._said(self._case.slots, None, why)
            return self._said(None, None, self._hopeless())
        unit = self._case.peak_per_second / RATE_STEPS
        steps = least(
            lambda n: self._met(self._trials.look(unlimited.with_rate_limit(n * unit))), RATE_STEPS, AMPLE * RATE_STEPS
        )
        rate = unit * (steps or AMPLE * RATE_STEPS)
        why = (
            f"{self._case.service} starts {self._case.by_rate_per_second:,.4g}/s at most (rate_per_second "
            f"{self._case.rate_per_second:g}): more slots buy nothing, {rate:,.4g}/s must be allowed"
        )
        return self._said(self._slots_for(self._case.with_rate_limit(rate)), rate, why)

    def _said(self, slots: int | None, rate: float | None, why: str) -> Need:
        threshold = self._threshold
        return Need(threshold.name, threshold.wanted, threshold.got, threshold.met, slots, rate, why)

    def _met(self, outlook: Outlook) -> bool:
        return next(each.met for each in outlook.held_to(self._slo) if each.name == self._threshold.name)

    def _slots_for(self, case: Case) -> int | None:
        guess = ceil(_guess_per_second(case, self._threshold) * case.time.mean_seconds)
        return least(self._will_do(case), guess, self._ample)

    def _will_do(self, case: Case) -> Callable[[int], bool]:
        """More slots only make it better: what was looked at for one threshold often answers for another. With fewer
        than the baseline keeps busy, no spike is ever over.
        """

        carrying = case.base_per_second * case.time.mean_seconds

        def will_do(slots: int) -> bool:
            if slots <= carrying:
                return False
            known = [(variant.slots, self._met(seen)) for variant, seen in self._trials.like(case)]
            if any(met and tried <= slots for tried, met in known):
                return True
            if any(not met and tried >= slots for tried, met in known):
                return False
            return self._met(self._trials.look(case.with_slots(slots)))

        return will_do

    def _hopeless(self) -> str:
        case, wanted = self._case, self._threshold.wanted
        around = case.first.before_seconds + case.first.after_seconds
        alone = around + quantile_seconds(case.time, 0.95)
        if self._threshold.name == "result_p95_seconds" and alone > wanted:
            return f"no number of slots: the work alone takes {alone:.3g} s (p95)"
        if self._threshold.name != "success_share":
            return "no number of slots that was tried"
        if case.failing_share > 1 - wanted:
            return f"no number of slots: {case.failing_share:.2%} fail, since their calls do"
        if around + quantile_seconds(case.time, min(0.9999, wanted)) > case.clients.timeout_seconds:
            return (
                f"no number of slots: the work takes longer than the {case.clients.timeout_seconds:g} s of the clients"
            )
        return "no number of slots that was tried"


def _guess_per_second(case: Case, threshold: Threshold) -> float:
    """The capacity that a fluid would need."""
    came, seconds, wanted = case.peak_per_second * case.peak_seconds, case.peak_seconds, threshold.wanted
    if case.worst is None:
        return case.base_per_second * 1.05
    if threshold.name == "success_share":
        came = max(0.0, came - (1 - wanted) * expected_arrivals(case.traffic))
        by_ttl = came / (seconds + case.useful_seconds)
        return max(by_ttl, (came - case.places) / seconds, case.base_per_second)
    if threshold.name == "result_p95_seconds":
        waits = max(0.0, wanted - case.time.mean_seconds)
        return 0.95 * came / (waits + 0.95 * seconds)
    of_all = (came + case.base_per_second * wanted) / (seconds + wanted)
    if wanted <= case.useful_seconds:
        return of_all
    return min(of_all, case.base_per_second * wanted / (wanted - case.useful_seconds))
