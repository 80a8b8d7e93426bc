"""Whether a spike that is over can keep a system down: repetitions of what was done for nobody."""

from dataclasses import dataclass

from bff.policies.admission import START_MARGIN_MS, Admission
from simulator.planner.case import Case


@dataclass(frozen=True, slots=True)
class Metastability:
    """`vulnerable`: λb × attempts > C > λb. `cures`: what of the setting keeps it from happening, in words."""

    vulnerable: bool
    cures: tuple[str, ...]
    longest_ttl_seconds: float
    most_places: int
    why: str


def metastability(case: Case) -> Metastability:
    base, capacity, attempts = case.base_per_second, case.capacity_per_second, 1 + case.clients.retries
    # Started later, a call ends when its client has gone: work that only makes more work.
    rest = max(part.before_seconds + part.after_seconds for part in case.parts if part.calls) + case.time.mean_seconds
    ttl = max(0.0, case.clients.timeout_seconds - rest - START_MARGIN_MS / 1000)
    places = int(ttl * capacity)
    vulnerable = base * attempts > capacity > base
    if base >= capacity:
        why = f"overloaded without any spike: {base:g}/s against {capacity:.4g}/s"
    elif not vulnerable:
        why = (
            f"{base:g}/s × {attempts} attempt{'s' * (attempts > 1)} stay below {capacity:.4g}/s: it recovers by itself"
        )
    else:
        why = (
            f"{base:g}/s × {attempts} attempts > {capacity:.4g}/s > {base:g}/s: once overloaded, clients that give up "
            f"and ask again keep it overloaded for ever, if what starts is too late for them"
        )
    return Metastability(vulnerable, tuple(_cures(case, ttl, places)), ttl, places, why)


def _cures(case: Case, ttl: float, places: int) -> list[str]:
    cures = []
    if case.patience_seconds <= ttl:
        cures.append(f"nothing waits longer than {case.patience_seconds:.3g} s, so that it ends in time for its client")
    if case.places <= places:
        cures.append(f"no more than {case.places:,} can wait")
    if case.admission is Admission.FULL:
        cures.append("who would start too late is refused at the door")
    return cures
