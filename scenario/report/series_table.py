"""Lines over time as a table: one row a second, or fewer where that were too many."""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from scenario import words
from scenario.report.chart import bucketed
from scenario.report.html import Cell, Table
from scenario.report.lines import Line

ROWS = 120
"""At most."""


def averaged(name: str, lines: Sequence[Line]) -> Table:
    return _table(name, lines, fmean, "the average of each")


def greatest(name: str, lines: Sequence[Line]) -> Table:
    return _table(name, lines, max, "the greatest of each")


def _table(name: str, lines: Sequence[Line], one: Callable[[Sequence[float]], float], of: str) -> Table:
    at = sorted({x for line in lines for x, _ in line.points})
    buckets = bucketed(len(at), ROWS)
    thin = len(at) > ROWS
    size = f", {of} {words.number(buckets[0].stop)} values" if thin else ""
    columns = [dict(line.known) for line in lines]
    rows = [list(_row(at[bucket], columns, one)) for bucket in buckets]
    return Table(f"{name}{size}", ["Second", *(line.label.capitalize() for line in lines)], rows)


def _row(
    at: Sequence[float], columns: Sequence[dict[float, float]], one: Callable[[Sequence[float]], float]
) -> Iterator[Cell]:
    yield Cell(words.clock(at[0]).removesuffix(" s"), at[0])
    for column in columns:
        values = [column[x] for x in at if x in column]
        yield Cell(words.number(one(values)), one(values)) if values else Cell("–")
