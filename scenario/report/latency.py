"""How long things took: bands of percentiles, and percentiles far into the tail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from scenario import words
from scenario.comparison.named import Named
from scenario.report.chart import nines, rareness
from scenario.report.frame import Axis, duration_axis
from scenario.report.html import Cell, Figure, Key, Table
from scenario.report.lines import Line, of_percentiles
from scenario.report.ranges import Range, ranges
from scenario.result import Percentiles

MEASURES = {
    "accept_seconds": ("accept", "until accepted or refused"),
    "wait_seconds": ("wait", "for a start at the bottleneck"),
    "result_seconds": ("result", "until the job had succeeded"),
    "told_seconds": ("told", "until the client knew"),
}
SHORTEST = 1e-4
"""What is quicker lies on the edge of a logarithmic scale."""
USUAL = 0.5
"""Percentiles from here on decide on the scale."""


@dataclass(frozen=True, slots=True)
class _Band:
    run: str
    style: str
    measure: str
    of: Percentiles


def figures(runs: Sequence[Named]) -> Iterator[Figure]:
    bands = [
        _Band(run.name, f"run-{number}", name, of)
        for name in MEASURES
        for number, run in enumerate(runs, start=1)
        if (of := getattr(run.figures, name)) != Percentiles()
    ]
    if bands:
        yield _bands(bands, several=len(runs) > 1)
    yield from _tails(runs)


def _bands(bands: Sequence[_Band], *, several: bool) -> Figure:
    name = "Latencies"
    rows = [Range(MEASURES[each.measure][0], each.style, (each.of.p50, each.of.p95, each.of.p99)) for each in bands]
    keys = {each.style: Key(each.run, each.style, "range") for each in bands} if several else {}
    said = words.sentences(list(_said(bands, several=several)))
    positive = [value for row in rows for value in row.values if value > 0]
    axis = duration_axis(positive, max(positive, default=1.0), SHORTEST)
    how = " Bars reach from 50 to 95 %, lines to 99 %."
    return Figure(name, ranges(name, rows, axis), said + how, _table(bands), [keys[style] for style in sorted(keys)])


def _said(bands: Sequence[_Band], *, several: bool) -> Iterator[str]:
    for measure, group in groupby(bands, key=lambda band: band.measure):
        of = list(group)
        half = words.listed([_in(band, band.of.p50, several=several) for band in of])
        most = words.listed([_in(band, band.of.p99, several=several) for band in of])
        name, what = MEASURES[measure]
        yield f"{name} ({what}): half within {half}, 99 % within {most}"


def _in(band: _Band, value: float, *, several: bool) -> str:
    return f"{words.seconds(value)}{f' ({band.run})' if several else ''}"


def _table(bands: Sequence[_Band]) -> Table:
    rows = [
        [Cell(f"{MEASURES[band.measure][0]}, {band.run}"), *(_seconds(value) for value in _four(band.of))]
        for band in bands
    ]
    return Table("Latencies, percentiles", ["Of", "Mean", "50 %", "95 %", "99 %"], rows)


def _four(of: Percentiles) -> tuple[float, ...]:
    return of.mean, of.p50, of.p95, of.p99


def _seconds(value: float) -> Cell:
    return Cell(words.seconds(value), value)


def _tails(runs: Sequence[Named]) -> Iterator[Figure]:
    if len(runs) == 1:
        lines = [
            line
            for name in MEASURES
            for line in _tail(runs[0], name, MEASURES[name][0], f"measure-{MEASURES[name][0]}")
        ]
        if lines:
            yield _tails_of("Percentiles of latencies", lines)
        return
    for name, (short, what) in MEASURES.items():
        lines = [line for number, run in enumerate(runs, 1) for line in _tail(run, name, run.name, f"run-{number}")]
        if lines:
            yield _tails_of(f"Percentiles of {short}: {what}", lines)


def _tail(run: Named, measure: str, label: str, style: str) -> Iterator[Line]:
    points = run.figures.percentile_points.get(measure, ())
    if any(seconds > 0 for _, seconds in points) and sum(share < 1 for share, _ in points) > 1:
        yield Line(label, style, points)


def _tails_of(name: str, lines: Sequence[Line]) -> Figure:
    drawn = [Line(line.label, line.style, [point for point in line.points if point[0] < 1]) for line in lines]
    furthest = max(share for line in drawn for share, _ in line.points)
    at = [share for share in nines(7) if share <= furthest]
    across = Axis("of all within the time; each nine more leaves out a tenth", at, words.share, rareness, (0, furthest))
    usual = [seconds for line in drawn for share, seconds in line.points if share >= USUAL and seconds > 0]
    up = duration_axis(usual, max(seconds for line in drawn for _, seconds in line.points), SHORTEST)
    said = words.sentences([_tail_said(line) for line in lines])
    keys = [Key(line.label, line.style) for line in lines]
    return Figure(name, of_percentiles(name, drawn, across, up), said, _tail_table(name, lines), keys)


def _tail_said(line: Line) -> str:
    share, seconds = max(point for point in line.points if point[0] < 1)
    longest = [at for share, at in line.points if share == 1]
    greatest = f", the longest {words.seconds(longest[0])}" if longest else ""
    return f"{line.label}: {words.share(share)} took at most {words.seconds(seconds)}{greatest}"


def _tail_table(name: str, lines: Sequence[Line]) -> Table:
    columns = [dict(line.points) for line in lines]
    shares = sorted({share for column in columns for share in column})
    rows = [
        [
            Cell(words.share(share), share),
            *(_seconds(column[share]) if share in column else Cell("–") for column in columns),
        ]
        for share in shares
    ]
    return Table(name, ["Of all", *(line.label.capitalize() for line in lines)], rows)
