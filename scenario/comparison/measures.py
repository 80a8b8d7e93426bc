"""Every single figure of a run, by its name in the JSON, with its unit."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scenario import words
from scenario.result import End, Figures, Percentiles

TIMES = {"accept_seconds": "accept", "wait_seconds": "wait", "result_seconds": "result", "told_seconds": "told"}


class Unit(StrEnum):
    COUNT = "count"
    SHARE = "share"
    SECONDS = "seconds"
    PER_SECOND = "per second"

    def show(self, value: float) -> str:
        return _SHOWN[self](value)

    def difference(self, value: float) -> str:
        """Of two such values, with its sign. Shares differ by percentage points."""
        if self is Unit.SHARE:
            return words.signed(f"{words.number(100 * value)} points")
        return words.signed(self.show(value))


_SHOWN: dict[Unit, Callable[[float], str]] = {
    Unit.COUNT: words.number,
    Unit.SHARE: words.share,
    Unit.SECONDS: words.seconds,
    Unit.PER_SECOND: words.per_second,
}


@dataclass(frozen=True, slots=True)
class Measure:
    """`name` is the path in the JSON, as in `interval_95`; `value` is None where it did not happen."""

    name: str
    label: str
    unit: Unit
    value: float | None


def measures(figures: Figures) -> dict[str, Measure]:
    return {each.name: each for each in _all(figures)}


def _all(figures: Figures) -> Iterator[Measure]:
    yield Measure("offered", "offered", Unit.COUNT, figures.offered)
    yield Measure("accepted", "accepted", Unit.COUNT, figures.accepted)
    yield Measure("attempts", "attempts, repetitions included", Unit.COUNT, figures.attempts)
    yield from _shares("shares", "", figures.shares)
    for reason, count in figures.rejected_by_reason.items():
        yield Measure(f"rejected_by_reason.{reason}", f"attempts rejected: {reason}", Unit.COUNT, count)
    yield Measure("goodput_per_second", "goodput", Unit.PER_SECOND, figures.goodput_per_second)
    yield Measure("polls_per_second", "looks of clients that wait", Unit.PER_SECOND, figures.polls_per_second)
    yield Measure("utilisation", "slots in use, on average", Unit.SHARE, figures.utilisation)
    yield Measure("peak_depth", "deepest queue", Unit.COUNT, figures.peak_depth)
    for name, label in MOMENTS.items():
        yield Measure(name, label, Unit.SECONDS, getattr(figures, name))
    for name, label in TIMES.items():
        yield from _times(name, label, getattr(figures, name))
    yield from _shares("spike.shares", "in spikes: ", figures.spike.get("shares", {}))
    if len(figures.by_priority) > 1:
        for priority, of in figures.by_priority.items():
            yield from _of_priority(priority, of)


MOMENTS = {
    "first_rejection_seconds": "first rejection, after the first spike began",
    "first_expiry_seconds": "first expiry, after the first spike began",
    "drain_seconds": "queue empty, after the last spike ended",
}


def _shares(path: str, prefix: str, shares: Mapping[str, float]) -> Iterator[Measure]:
    for end in End:
        if end in shares:
            yield Measure(f"{path}.{end}", f"{prefix}{end.replace('_', ' ')}", Unit.SHARE, shares[end])


def _times(path: str, label: str, times: Percentiles) -> Iterator[Measure]:
    there = times != Percentiles()
    for name in ("mean", "p50", "p95", "p99"):
        yield Measure(f"{path}.{name}", f"{label}, {name}", Unit.SECONDS, getattr(times, name) if there else None)


def _of_priority(priority: str, of: Mapping[str, Any]) -> Iterator[Measure]:
    path = f"by_priority.{priority}"
    yield Measure(f"{path}.offered", f"{priority}: offered", Unit.COUNT, of["offered"])
    yield from _shares(f"{path}.shares", f"{priority}: ", of["shares"])
    for name in ("wait_seconds", "result_seconds"):
        yield from _times(f"{path}.{name}", f"{priority}: {TIMES[name]}", of[name])
