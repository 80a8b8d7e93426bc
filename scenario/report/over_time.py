"""The run second by second: what flowed, how deep the queue was, how old its head, how things ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan

from scenario import words
from scenario.comparison.named import Named
from scenario.model import Pattern
from scenario.report.asked import Demands, demands
from scenario.report.frame import Limit
from scenario.report.html import Figure, Key
from scenario.report.lines import Line, Panel, near, over_time, panels, stacked
from scenario.report.series_table import averaged, greatest
from scenario.stage import Stage

Styled = tuple[Named, str]
Said = Callable[[Line], Iterator[str]]
Show = Callable[[float], str]

FLOWS = ("arrived", "accepted", "served", "rejected", "expired")
ENDS = ("served", "expired", "rejected")
FULL = 0.98
BUSY_SHARE = 0.02
"""Of the greatest flow; what is below it is not worth a word."""


def figures(stage: Stage, runs: Sequence[Named]) -> Iterator[Figure]:
    shown = [(run, f"run-{number}") for number, run in enumerate(runs, start=1) if run.figures.series.seconds]
    if flowed := [panel for name in FLOWS if any(map(_busy, (panel := _panel(shown, name)).lines))]:
        yield flows(stage, shown, flowed)
        if stage.scenario.pattern is Pattern.ASYNC:
            yield from (each for each in (depth(stage, shown), age(stage, shown)) if each)
        yield from (ends(stage, run, alone=len(runs) == 1) for run, _ in shown)


def flows(stage: Stage, runs: Sequence[Styled], flowed: Sequence[Panel]) -> Figure:
    """A panel for each quantity that there was any of."""
    several = len(runs) > 1
    name = "Requests each second"
    every = [
        Line(f"{panel.label}, {line.label}" if several else panel.label, line.style, line.points)
        for panel in flowed
        for line in panel.lines
    ]
    keys = [Key(run.name, style) for run, style in runs] if several else []
    said = words.sentences(list(_flows_said(flowed, several=several)))
    svg = panels(name, "requests per second", flowed, spikes=_spikes(stage))
    return Figure(name, svg, said, averaged(name, every), keys)


def depth(stage: Stage, runs: Sequence[Styled]) -> Figure | None:
    demanded = demands(stage)
    name = f"Queue of {stage.bottleneck.name}"
    limits = [Limit(f"C·TTL {words.number(demanded.useful_depth)}", demanded.useful_depth)]
    if demanded.places is not None:
        limits.append(Limit(f"capacity {words.number(demanded.places)}", demanded.places))
    peaks = {style: run.figures.peak_depth for run, style in runs}
    drawn = _lines(runs, "depth")
    return _limited(stage, name, "places taken", drawn, limits, lambda line: _depth_said(line, demanded, peaks))


def age(stage: Stage, runs: Sequence[Styled]) -> Figure | None:
    ttl = demands(stage).ttl_seconds
    limits = [Limit(f"TTL {words.seconds(ttl)}", ttl)]
    drawn = _lines(runs, "oldest_age")
    return _limited(stage, "Age of the head of the queue", "seconds", drawn, limits, lambda line: _age_said(line, ttl))


def _limited(
    stage: Stage, name: str, unit: str, drawn: Sequence[Line], limits: Sequence[Limit], said: Said
) -> Figure | None:
    if not drawn:
        return None
    says = words.sentences([*_each(drawn, said), *_off(drawn, limits)])
    svg = over_time(name, unit, drawn, limits=limits, spikes=_spikes(stage))
    keys = [Key(line.label, line.style) for line in drawn] if len(drawn) > 1 else []
    return Figure(name, svg, says, greatest(name, drawn), keys)


def ends(stage: Stage, run: Named, *, alone: bool) -> Figure:
    drawn = [
        Line(line.label, line.style, line.filled) for name in ENDS if (line := _line(run, name, name, f"flow-{name}"))
    ]
    name = "How requests ended, each second" + ("" if alone else f": {run.name}")
    totals = {line.label: sum(y for _, y in line.points) for line in drawn}
    whole = sum(totals.values())
    parts = [
        f"{words.number(total)} {label} ({words.share(total / whole)})" for label, total in totals.items() if total
    ]
    said = f"In all {words.listed(parts)}." if parts else "Nothing ended."
    svg = stacked(name, "requests per second", drawn, spikes=_spikes(stage))
    return Figure(name, svg, said, averaged(name, drawn), [Key(line.label, line.style, "fill") for line in drawn])


def _panel(runs: Sequence[Styled], name: str) -> Panel:
    return Panel(name, [line for run, style in runs if (line := _line(run, name, run.name, style))])


def _flows_said(panels: Sequence[Panel], *, several: bool) -> Iterator[str]:
    for panel in panels:
        of = [f"{_peak(line, words.per_second)}{f' {line.label}' if several else ''}" for line in panel.lines]
        yield f"{panel.label}: at most {words.listed(of)}{'' if several else _spells(panel)}"


def _spells(panel: Panel) -> str:
    """When there was any of what should not be."""
    points = panel.lines[0].known
    if panel.label not in ("rejected", "expired"):
        return ""
    least = BUSY_SHARE * max(y for _, y in points)
    return f", {words.when(words.spells([x for x, _ in points], [y > least for _, y in points]))}"


def _depth_said(line: Line, demanded: Demands, peaks: Mapping[str, float]) -> Iterator[str]:
    at, deep = [x for x, _ in line.known], [y for _, y in line.known]
    if not any(deep):
        yield "nothing ever waited"
        return
    about = words.clock(at[deep.index(max(deep))])
    yield f"at most {words.number(peaks[line.style])} places were taken, at about {about}"
    if demanded.places is not None and (full := words.spells(at, [y >= FULL * demanded.places for y in deep])):
        yield f"the queue was full, or nearly, {words.when(full)}"
    if beyond := words.spells(at, [y > demanded.useful_depth for y in deep]):
        yield f"it was deeper than C·TTL {words.when(beyond)}: what stood further back could only expire"


def _age_said(line: Line, ttl: float) -> Iterator[str]:
    at, old = [x for x, _ in line.known], [y for _, y in line.known]
    yield f"the oldest had waited {_peak(line, words.seconds)}" if any(old) else "nothing ever waited"
    if ttl and (beyond := words.spells(at, [y >= 0.95 * ttl for y in old])):
        yield f"it was within 5 % of the TTL, or past it, {words.when(beyond)}"


def _each(drawn: Sequence[Line], said: Said) -> Iterator[str]:
    """What is said of each line, by its name where there are several."""
    for line in drawn:
        parts = list(said(line))
        yield from parts if len(drawn) == 1 else [f"{line.label}: {'; '.join(parts)}"]


def _off(drawn: Sequence[Line], limits: Sequence[Limit]) -> Iterator[str]:
    peak = max((y for line in drawn for _, y in line.known), default=0.0)
    if far := [limit.label for limit in limits if not near(limit, peak)]:
        yield f"not drawn, being far above: {words.listed(far)}"


def _peak(line: Line, show: Show) -> str:
    x, y = max(line.known, key=lambda point: point[1])
    return f"{show(y)} (at {words.clock(x)})"


def _busy(line: Line) -> bool:
    return any(y for _, y in line.known)


def _lines(runs: Sequence[Styled], column: str) -> list[Line]:
    several = len(runs) > 1
    found = (_line(run, column, run.name if several else column.replace("_", " "), style) for run, style in runs)
    return [line for line in found if line]


def _line(run: Named, column: str, label: str, style: str) -> Line | None:
    series = run.figures.series
    values = getattr(series, column)
    if all(isnan(value) for value in values):
        return None
    return Line(label, style, list(zip(series.seconds, values, strict=True)))


def _spikes(stage: Stage) -> list[tuple[float, float]]:
    traffic = stage.scenario.traffic
    return [(start, min(traffic.duration_seconds, end)) for start, end in traffic.spike_spells()]
