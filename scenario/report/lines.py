"""Lines over the time of a run, with limits across; stacks; lines over percentiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from math import isnan

from scenario.report import html
from scenario.report.chart import Point, area, averages, coordinate, path, spread, thinned, ticks
from scenario.report.frame import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Frame,
    Limit,
    Spikes,
    axes,
    base,
    grid,
    limited,
    shaded,
    time_axis,
)

BUCKETS = 300
MARKERS = 7
FAR = 3.0
"""A limit further than so many times above all data is named, not drawn: it would press the data flat."""
PANEL, BETWEEN = 84, 26


@dataclass(frozen=True, slots=True)
class Line:
    """`style` names its colour, dash and marker. Points by ascending x; in gaps, what is not known, y is nan."""

    label: str
    style: str
    points: Sequence[Point]

    @property
    def known(self) -> list[Point]:
        return [point for point in self.points if not isnan(point[1])]

    @property
    def filled(self) -> list[Point]:
        """With nothing in the gaps."""
        return [(x, 0.0 if isnan(y) else y) for x, y in self.points]

    @property
    def pieces(self) -> Iterator[list[Point]]:
        """Between the gaps."""
        for gap, piece in groupby(self.points, key=lambda point: isnan(point[1])):
            if not gap:
                yield list(piece)


@dataclass(frozen=True, slots=True)
class Panel:
    label: str
    lines: Sequence[Line]


def over_time(name: str, unit: str, lines: Sequence[Line], *, limits: Sequence[Limit] = (), spikes: Spikes = ()) -> str:
    """From 0 up. Spikes are shaded."""
    frame = time_frame(unit, _points(lines), limits)
    drawn = [limit for limit in limits if near(limit, _peak(lines))]
    inner = [*shaded(frame, spikes), *axes(frame), *drawn_lines(frame, lines), *limited(frame, drawn)]
    return html.svg(WIDTH, HEIGHT, f"{name}, lines over time", inner, frame.attributes)


def panels(name: str, unit: str, shown: Sequence[Panel], *, spikes: Spikes = ()) -> str:
    """One below the other, on the same scales."""
    points = [point for panel in shown for point in _points(panel.lines)]
    across, up = time_axis(points), Axis(unit, ticks(0, max(y for _, y in points), 4))
    inner: list[str] = [html.svg_text(WIDTH - RIGHT, 14, unit, "end unit")]
    top: float = TOP
    for panel in shown:
        frame = Frame(across, up, top, top + PANEL)
        inner += [*shaded(frame, spikes), *grid(frame), *drawn_lines(frame, panel.lines)]
        inner.append(html.svg_text(LEFT, top - 6, panel.label, "strong"))
        top += PANEL + BETWEEN
    last = Frame(across, up, top - PANEL - BETWEEN, top - BETWEEN)
    height = round(last.bottom) + BOTTOM
    return html.svg(WIDTH, height, f"{name}, lines over time", [*inner, *base(last)], last.attributes)


def stacked(name: str, unit: str, lines: Sequence[Line], *, spikes: Spikes = ()) -> str:
    """One upon the other, the first at the bottom; all have the same x."""
    thin = [Line(line.label, line.style, averages(line.points, BUCKETS)) for line in lines]
    tops = [(points[0][0], sum(y for _, y in points)) for points in zip(*(line.points for line in thin), strict=True)]
    frame = time_frame(unit, tops)
    inner = [*shaded(frame, spikes), *axes(frame), *drawn_areas(frame, thin)]
    return html.svg(WIDTH, HEIGHT, f"{name}, areas over time", inner, frame.attributes)


def of_percentiles(name: str, lines: Sequence[Line], across: Axis, up: Axis) -> str:
    frame = Frame(across, up)
    return html.svg(WIDTH, HEIGHT, f"{name}, lines over percentiles", [*axes(frame), *drawn_lines(frame, lines)])


def time_frame(unit: str, points: Sequence[Point], limits: Sequence[Limit] = ()) -> Frame:
    peak = max((y for _, y in points), default=0.0)
    top = max([peak, *(limit.value for limit in limits if near(limit, peak))])
    return Frame(time_axis(points), Axis(unit, ticks(0, top)))


def near(limit: Limit, peak: float) -> bool:
    return limit.value <= FAR * peak or peak == 0


def drawn_lines(frame: Frame, lines: Sequence[Line]) -> Iterator[str]:
    for index, line in enumerate(lines):
        pieces = [[frame.at(point) for point in piece] for piece in line.pieces]
        shape = "".join(path(thinned(piece, BUCKETS)) for piece in pieces)
        yield f'<g class="{line.style}"><path class="line" d="{shape}"/>'
        for x, y in spread(list(chain(*pieces)), MARKERS, (index + 1) / (len(lines) + 1)):
            yield f'<use href="#m-{line.style}" x="{coordinate(x)}" y="{coordinate(y)}"/>'
        yield "</g>"


def drawn_areas(frame: Frame, lines: Sequence[Line]) -> Iterator[str]:
    """Each upon those before."""
    lower: list[Point] = [(x, 0.0) for x, _ in lines[0].points] if lines else []
    for line in lines:
        upper = [(x, below + y) for (x, below), (_, y) in zip(lower, line.points, strict=True)]
        shape = area(*(list(map(frame.at, edge)) for edge in (upper, lower)))
        yield f'<g class="{line.style}"><path class="fill" d="{shape}"/></g>'
        lower = upper


def _points(lines: Sequence[Line]) -> list[Point]:
    return [point for line in lines for point in line.known]


def _peak(lines: Sequence[Line]) -> float:
    return max((y for _, y in _points(lines)), default=0.0)
