"""Two runs of one scenario, predicted and measured, say: where they differ by more than they may, and why perhaps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from scenario import words
from scenario.alarms import invalid_because
from scenario.comparison.measures import MOMENTS, Measure, Unit, measures
from scenario.comparison.named import Named
from scenario.result import Figures
from scenario.stage import Stage

COUNTED_FROM = 5
"""Seconds of a busy queue, at least, for its rate to mean something."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What two runs may differ by: shares by so much, all else by a part of the first run's value (what happens but
    once by a part of its own), or, where that is more, by `seconds` or `counts`.
    """

    shares: float = 0.02
    relative: float = 0.10
    moments: float = 0.10
    seconds: float = 0.05
    counts: float = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one figure. None where it did not happen in one of them."""

    measure: Measure
    first: float | None
    second: float | None
    beyond: bool
    """Beyond the tolerance."""

    @property
    def absolute(self) -> float | None:
        return None if self.first is None or self.second is None else self.second - self.first

    @property
    def relative(self) -> float | None:
        """Of the first; None where that is 0."""
        return self.absolute / abs(self.first) if self.absolute is not None and self.first else None


@dataclass(frozen=True, slots=True)
class Comparison:
    first: str
    second: str
    differences: tuple[Difference, ...]
    reasons: tuple[str, ...]

    @property
    def beyond(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.differences if each.beyond)

    def lines(self, of: Sequence[Difference] | None = None) -> list[str]:
        """For a terminal, or a list on a page. By default of all that is beyond the tolerance."""
        return [sentence(each, self.first, self.second) for each in (self.beyond if of is None else of)]

    def verdict(self) -> str:
        compared = sum(each.first is not None or each.second is not None for each in self.differences)
        of, names = words.many(compared, "figure"), f"{self.first} and {self.second}"
        if not self.beyond:
            return f"All of {of} agree within the tolerance, {names}."
        differ = "differs" if len(self.beyond) == 1 else "differ"
        return f"{len(self.beyond)} of {of} {differ} by more than the tolerance, {names}."


def compare(
    first: Named,
    second: Named,
    stage: Stage,
    tolerance: Tolerance | None = None,
    chance: Mapping[str, tuple[float, float]] | None = None,
) -> Comparison:
    """`stage` is what both were of; the differences are the second's from the first. `chance`: by name of a figure,
    where a single run's may lie, so that one that does is not beyond the tolerance.
    """
    allowed = tolerance or Tolerance()
    ours, theirs = measures(first.figures), measures(second.figures)
    differences = []
    for name, measure in {**ours, **theirs}.items():
        low, high = (each[name].value if name in each else _absent(name) for each in (ours, theirs))
        interval = first.figures.interval_95.get(name) or second.figures.interval_95.get(name)
        excused = _within(interval, low, high) or _within((chance or {}).get(name), high)
        beyond = _beyond(measure, low, high, allowed) and not excused
        differences.append(Difference(measure, low, high, beyond))
    return Comparison(first.name, second.name, tuple(differences), tuple(_reasons(first, second, stage)))


def sentence(difference: Difference, first: str, second: str) -> str:
    unit, label = difference.measure.unit, difference.measure.label
    texts = ["none" if value is None else unit.show(value) for value in (difference.first, difference.second)]
    by = "" if difference.absolute is None else f" ({unit.difference(difference.absolute)})"
    return f"{label}: {first} {texts[0]}, {second} {texts[1]}{by}"


def _absent(name: str) -> float | None:
    """A reason for which nothing was rejected was given not once."""
    return 0.0 if name.startswith("rejected_by_reason.") else None


def _beyond(measure: Measure, first: float | None, second: float | None, allowed: Tolerance) -> bool:
    """A latency that only one of them has is none to compare; what happened in one of them alone is a difference."""
    unit, happens = measure.unit, measure.name in MOMENTS
    if first is None or second is None:
        return happens and first is not second
    apart = abs(second - first)
    if unit is Unit.SHARE:
        return apart > allowed.shares
    floor = {Unit.SECONDS: allowed.seconds, Unit.COUNT: allowed.counts}.get(unit, 0.0)
    return apart > max(floor, (allowed.moments if happens else allowed.relative) * abs(first))


def _within(interval: tuple[float, float] | None, *values: float | None) -> bool:
    return interval is not None and all(value is not None and interval[0] <= value <= interval[1] for value in values)


def _reasons(first: Named, second: Named, stage: Stage) -> Iterator[str]:
    for run in (first, second):
        if (run.figures.load or {}).get("valid") is False:
            yield f"{run.name} is invalid{invalid_because(run.figures)}"
    yield from _offered(first, second)
    yield from _drain_rate(first, second, stage)
    yield from _overhead(first, second)
    yield from _retries(first, second)


def _offered(first: Named, second: Named) -> Iterator[str]:
    one, other = first.figures.offered, second.figures.offered
    if one and abs(other - one) > 0.02 * one:
        asked, sent = (f"{words.number(each)} in {run.name}" for run, each in ((first, one), (second, other)))
        yield f"they were not offered the same: {asked}, {sent}"


def _drain_rate(first: Named, second: Named, stage: Stage) -> Iterator[str]:
    """While something always waits, what is served is what the bottleneck carries."""
    stated = stage.bottleneck
    for run in (first, second):
        rate = busy_rate(run.figures)
        if rate is None or abs(rate - stated.calls_per_second) <= 0.03 * stated.calls_per_second:
            continue
        said = (
            f"while work waited, {run.name} served {words.per_second(rate)}; {stated.name} is stated to carry "
            f"{words.per_second(stated.calls_per_second)}"
        )
        by_slots = stated.service.max_concurrency / stated.time.mean_seconds
        if by_slots > stated.calls_per_second or rate == 0:
            yield said
        else:
            held = words.seconds(stated.service.max_concurrency / rate)
            mean = words.seconds(stated.time.mean_seconds)
            yield f"{said}: as if each call held its slot for {held} rather than {mean}"


def busy_rate(figures: Figures) -> float | None:
    """Served per second while the queue was busy: at least half as deep as at its deepest, and not just begun to be."""
    series, half = figures.series, figures.peak_depth / 2
    if not half or len(series.served) != len(series.depth):
        return None
    deep = [depth >= half for depth in series.depth]
    busy = [index for index in range(1, len(deep)) if deep[index - 1] and deep[index]]
    return fmean(series.served[index] for index in busy) if len(busy) >= COUNTED_FROM else None


def _overhead(first: Named, second: Named) -> Iterator[str]:
    """What is neither waiting nor the work of the bottleneck."""
    for name, what in (
        ("accept_seconds", "accepting a request"),
        ("told_seconds", "telling the client, after the end,"),
    ):
        one, other = (_own(run.figures, name) for run in (first, second))
        if abs(other - one) > max(0.005, 0.05 * abs(one)):
            took = [
                f"{words.seconds(each)} in {run.name}" if each else f"no time in {run.name}"
                for run, each in ((first, one), (second, other))
            ]
            yield f"{what} took {words.listed(took, 'but')} (median)"
    one, other = (run.figures.result_seconds.p50 - run.figures.wait_seconds.p50 for run in (first, second))
    if abs(other - one) > max(0.05, 0.05 * abs(one)):
        yield (
            f"from the median wait to the median result it is {words.seconds(one)} in {first.name}, "
            f"{words.seconds(other)} in {second.name}: service times, other calls and the way between them"
        )


def _own(figures: Figures, name: str) -> float:
    """Of being told, what is beyond the result."""
    value: float = getattr(figures, name).p50
    return value - figures.result_seconds.p50 if name == "told_seconds" and value else value


def _retries(first: Named, second: Named) -> Iterator[str]:
    one, other = (run.figures.attempts / max(1, run.figures.offered) for run in (first, second))
    if abs(other - one) > 0.02:
        made = (f"{words.number(each)} in {run.name}" for run, each in ((first, one), (second, other)))
        yield f"attempts for each request: {', '.join(made)}"
