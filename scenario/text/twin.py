"""A twin on one page of text, and as JSON: predicted and measured beside each other, and what explains the gap."""

from collections.abc import Iterator
from dataclasses import asdict
from math import isnan
from typing import Any

from scenario import words
from scenario.alarms import alarms
from scenario.comparison.compare import Comparison, Difference
from scenario.comparison.measures import Measure
from scenario.comparison.twin import TOLERANCE, Predicted, Twin

SHOWN = (
    "offered",
    "first_rejection_seconds",
    "first_expiry_seconds",
    "utilisation",
    "wait_seconds.mean",
    "result_seconds.p50",
)
"""Beside what is judged."""
LABEL, CELL, CHANCE = 44, 11, 20


def page(twin: Twin) -> str:
    sections = (_alarms(twin), _head(twin), _figures(twin), _added(twin), _gaps(twin), _verdict(twin))
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section))) + "\n"


def verdict(twin: Twin) -> str:
    if not twin.judged(twin.stated.beyond):
        return "Prediction and measurement agree, as the scenario is stated."
    if twin.agree:
        return "Prediction and measurement agree once the simulation is given what was fitted."
    return "Prediction and measurement do not agree, not even once the simulation is given what was fitted."


def tolerance() -> str:
    allowed = TOLERANCE
    return (
        f"Tolerance: shares {100 * allowed.shares:g} points; depth {allowed.relative:.0%}, or {allowed.counts:g}; "
        f"times {allowed.relative:.0%}, or {words.seconds(allowed.seconds)}; drain {allowed.moments:.0%}; and whatever "
        "lies between the bounds of chance."
    )


def added(twin: Twin) -> Iterator[str]:
    """What the live stack was observed to add, a sentence each."""
    bottleneck, observed = twin.stage.bottleneck, twin.observed
    if observed.calls:
        took, stated = (words.seconds(each) for each in (observed.mean_service_seconds, bottleneck.time.mean_seconds))
        yield f"a call to {bottleneck.name} took {took} on average of {observed.calls:,}; stated is {stated}"
    if observed.turnaround_seconds:
        yield f"a slot that was free while somebody waited was taken after {words.seconds(observed.turnaround_seconds)}"
    if observed.accept_seconds:
        yield f"half of the requests were answered within {words.seconds(observed.median_accept_seconds)}"
    for part, seconds in zip(twin.stage.scenario.traffic.mix, observed.beside_seconds, strict=True):
        if not isnan(seconds):
            yield (
                f"other calls of {part.operation} ({part.priority}), and the way between them, took "
                f"{words.seconds(max(0.0, seconds))}"
            )


def document(twin: Twin) -> dict[str, Any]:
    observed = twin.observed
    return {
        "scenario": twin.measured.scenario,
        "agree": twin.agree,
        "verdict": verdict(twin),
        "tolerance": asdict(TOLERANCE),
        "as_stated": _predicted(twin, twin.stated, twin.steps[0]),
        "as_fitted": _predicted(twin, twin.fitted, twin.steps[-1]),
        "measured": twin.measured.to_json(),
        "observed": {
            "mean_service_seconds": observed.mean_service_seconds,
            "turnaround_seconds": observed.turnaround_seconds,
            "median_accept_seconds": observed.median_accept_seconds,
            "beside_seconds": [None if isnan(each) else each for each in observed.beside_seconds],
        },
        "gaps": {gap.measure.name: {**gap.explained, "left": gap.left} for gap in twin.gaps},
    }


def _predicted(twin: Twin, compared: Comparison, predicted: Predicted) -> dict[str, Any]:
    beyond = [each.measure.name for each in twin.judged(compared.beyond)]
    return {"beyond": beyond, "figures": predicted.figures.to_json()}


def _alarms(twin: Twin) -> Iterator[str]:
    yield from (each[0].upper() + each[1:] for each in alarms(twin.measured))


def _head(twin: Twin) -> Iterator[str]:
    count, offered = twin.steps[0].figures.replications, words.many(twin.measured.offered, "arrival")
    times = f", {words.many(count, 'time')}" if count > 1 else ""
    yield f"{twin.measured.scenario}: the same {offered} driven, and simulated{times}"


def _figures(twin: Twin) -> Iterator[str]:
    heads = f"{'as stated':>{CELL}}{'chance allows':>{CHANCE}}{'as fitted':>{CELL + 2}}{'measured':>{CELL}}"
    yield f"  {'':<{LABEL}}{heads}"
    fitted = {each.measure.name: each for each in twin.fitted.differences}
    for stated in twin.stated.differences:
        observed = fitted.get(stated.measure.name, stated)
        counts = bool(twin.judged([stated]))
        if (counts or stated.measure.name in SHOWN) and _is_told(stated):
            yield _row(twin, stated, observed) + (f"  {_said(stated, observed)}" if counts else "")


def _is_told(difference: Difference) -> bool:
    """Nothing of nothing need not be said."""
    return bool(difference.first or difference.second)


def _row(twin: Twin, stated: Difference, observed: Difference) -> str:
    measure = stated.measure
    values = [_shown(measure, each) for each in (stated.first, observed.first, stated.second)]
    chance = twin.steps[0].chance.get(measure.name)
    allows = f"{_shown(measure, chance[0])} to {_shown(measure, chance[1])}" if chance and stated.first else ""
    return f"  {measure.label:<{LABEL}}{values[0]:>{CELL}}{allows:>{CHANCE}}{values[1]:>{CELL + 2}}{values[2]:>{CELL}}"


def _shown(measure: Measure, value: float | None) -> str:
    return "-" if value is None else measure.unit.show(value)


def _said(stated: Difference, observed: Difference) -> str:
    if not stated.beyond:
        return "agrees"
    return "DIFFERS" if observed.beyond else "agrees as fitted"


def _added(twin: Twin) -> Iterator[str]:
    yield "  what was fitted"
    yield from (f"    {line}" for line in added(twin))


def _gaps(twin: Twin) -> Iterator[str]:
    """Of all priorities together."""
    gaps = [gap for gap in twin.gaps if not gap.measure.name.startswith("by_priority.")]
    if not gaps:
        return
    names = list(gaps[0].explained)
    yield f"  {'from stated to measured':<{LABEL}}{'gap':>{CELL}}" + "".join(f"{name:>16}" for name in (*names, "left"))
    for gap in gaps:
        cells = "".join(f"{gap.measure.unit.difference(each):>16}" for each in (*gap.explained.values(), gap.left))
        yield f"  {gap.measure.label:<{LABEL}}{gap.measure.unit.difference(gap.whole):>{CELL}}{cells}"


def _verdict(twin: Twin) -> Iterator[str]:
    yield f"  {verdict(twin)}"
    if not twin.agree:
        both = (twin.stated, twin.fitted)
        yield from (f"    {line}" for each in both for line in each.lines(twin.judged(each.beyond)))
    yield f"  {tolerance()}"
