"""How near the edge a setting is: what a tenth or a fifth more or less makes of it, and one worker fewer."""

from collections.abc import Iterator
from dataclasses import dataclass

from scenario.model import Slo
from simulator.planner.case import Case
from simulator.planner.outlook import Trials


@dataclass(frozen=True, slots=True)
class Change:
    """`missed`: thresholds, by name."""

    what: str
    success_share: float
    result_p95_seconds: float | None
    drain_seconds: float | None
    missed: tuple[str, ...]


def changes_of(case: Case, slo: Slo, trials: Trials, *, met: bool) -> tuple[Change, ...]:
    """`met`: the case meets everything, so that only what makes it harder is told."""
    return tuple(change(what, variant, slo, trials) for what, variant in _variants(case, met))


def without_one(case: Case, workers: int, slo: Slo, trials: Trials) -> Change:
    """Of slots spread evenly over so many workers, those of one are gone, and nobody takes them over."""
    left = max(1, case.slots * (workers - 1) // workers)
    return change(f"{workers - 1} of {workers} workers: {left:,} slots", case.with_slots(left), slo, trials)


def change(what: str, variant: Case, slo: Slo, trials: Trials) -> Change:
    outlook = trials.look(variant)
    missed = tuple(each.name for each in outlook.held_to(slo) if not each.met)
    return Change(what, outlook.success_share, outlook.result_p95_seconds, outlook.drain_seconds, missed)


def _variants(case: Case, met: bool) -> Iterator[tuple[str, Case]]:
    harder = (10, 20) if met else (-20, -10, 10, 20)
    for by in harder:
        yield f"rate {by:+d} %", case.with_traffic(1 + by / 100)
    for by in harder:
        yield f"service time {by:+d} %", case.with_times(1 + by / 100)
    for by in harder:
        yield f"slots {-by:+d} %", case.with_slots(max(1, round(case.slots * (1 - by / 100))))
    for by in (-20,) if met else (-20, 20):
        if case.ttl_seconds:
            yield f"TTL {by:+d} %", case.with_queue(case.places, case.ttl_seconds * (1 + by / 100))
