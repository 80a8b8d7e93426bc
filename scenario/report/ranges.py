"""From one percentile to another: bars on a scale of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from scenario import words
from scenario.report import html
from scenario.report.chart import Scale, coordinate
from scenario.report.frame import Axis

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 66, 226, 30, 42
COLUMNS = {"50 %": WIDTH - 146, "95 %": WIDTH - 75, "99 %": WIDTH - 4}
"""Where the numbers end."""
ROW, BETWEEN = 22, 12


@dataclass(frozen=True, slots=True)
class Range:
    """Three ascending values in seconds; rows of the same label stand together."""

    label: str
    style: str
    values: tuple[float, float, float]


def ranges(name: str, rows: Sequence[Range], axis: Axis) -> str:
    """Values beyond the axis lie on its edge."""
    groups = len({row.label for row in rows})
    bottom = TOP + ROW * len(rows) + BETWEEN * groups
    x = axis.scale(LEFT, WIDTH - RIGHT)
    inner = [*_axis(x, axis, bottom), *_rows(x, rows)]
    return html.svg(WIDTH, bottom + BOTTOM, f"{name}, ranges of percentiles", inner)


def _axis(x: Scale, axis: Axis, bottom: float) -> Iterator[str]:
    for tick in axis.at:
        yield f'<path class="grid" d="M{coordinate(x(tick))} {TOP}V{coordinate(bottom)}"/>'
        yield html.svg_text(x(tick), bottom + 18, axis.label(tick), "middle")
    yield f'<path class="axis" d="M{LEFT} {coordinate(bottom)}H{WIDTH - RIGHT}"/>'
    yield from (html.svg_text(at, TOP - 12, head, "end unit") for head, at in COLUMNS.items())
    yield html.svg_text((LEFT + WIDTH - RIGHT) / 2, bottom + 36, axis.name, "middle unit")


def _rows(x: Scale, rows: Sequence[Range]) -> Iterator[str]:
    y = TOP + BETWEEN / 2
    for label, group in groupby(rows, key=lambda row: row.label):
        yield html.svg_text(LEFT - 8, y + ROW / 2 + 4, label, "end")
        for row in group:
            yield _row(x, row, y + ROW / 2)
            y += ROW
        y += BETWEEN


def _row(x: Scale, row: Range, y: float) -> str:
    low, middle, high = (coordinate(x(value)) for value in row.values)
    texts = (
        html.svg_text(at, y + 4, words.seconds(value), "end")
        for at, value in zip(COLUMNS.values(), row.values, strict=True)
    )
    return (
        f'<g class="{row.style}"><path class="thick" d="M{low} {y:.1f}H{middle}"/>'
        f'<path class="solid" d="M{middle} {y:.1f}H{high}M{high} {y - 6:.1f}V{y + 6:.1f}"/>'
        f'<use href="#m-{row.style}" x="{low}" y="{y:.1f}"/></g>' + "".join(texts)
    )
