"""How requests ended, as shares: a bar for each run, and for each priority of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from scenario import words
from scenario.comparison.named import Named
from scenario.report import html
from scenario.report.chart import Scale, coordinate
from scenario.report.html import Cell, Figure, Key, Table
from scenario.report.verdict import ends_sentence
from scenario.result import End

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 150, 20, 8, 42
BAR, BETWEEN = 26, 10
WIDE = 0.07
"""A part as wide as this has room for its number."""
LONGEST = 22


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    offered: float
    shares: Mapping[str, float]


def figure(runs: Sequence[Named]) -> Figure | None:
    each = [list(_bars(run, several=len(runs) > 1)) for run in runs]
    bars = [bar for alike in zip_longest(*each) for bar in alike if bar and bar.offered]
    if not bars:
        return None
    ends = [end for end in End if any(bar.shares.get(end, 0) > 0 for bar in bars)]
    name = "Shares of what was offered"
    said = " ".join(ends_sentence(run.figures, run.name if len(runs) > 1 else "") for run in runs)
    keys = [Key(end.replace("_", " "), f"end-{end}", "fill") for end in ends]
    return Figure(name, _drawn(name, bars), said, _table(name, bars), keys)


def _bars(run: Named, *, several: bool) -> Iterator[_Bar]:
    figures = run.figures
    yield _Bar(run.name if several else "all", figures.offered, figures.shares)
    if len(figures.by_priority) > 1:
        for name, of in figures.by_priority.items():
            yield _Bar(f"{run.name}, {name}" if several else name, of["offered"], of["shares"])
    if figures.spike.get("shares"):
        spike = figures.spike["shares"]
        yield _Bar(f"{run.name}, in spikes" if several else "sent in spikes", sum(spike.values()), spike)


def _drawn(name: str, bars: Sequence[_Bar]) -> str:
    bottom = TOP + len(bars) * (BAR + BETWEEN)
    x = Scale(0, 1, LEFT, WIDTH - RIGHT)
    inner = [*_axis(x, bottom)]
    for index, bar in enumerate(bars):
        inner += _bar(x, bar, TOP + index * (BAR + BETWEEN) + BETWEEN / 2)
    return html.svg(WIDTH, bottom + BOTTOM, f"{name}, bars of shares", inner)


def _axis(x: Scale, bottom: float) -> Iterator[str]:
    for part in (0, 0.25, 0.5, 0.75, 1):
        yield f'<path class="grid" d="M{coordinate(x(part))} {TOP}V{coordinate(bottom)}"/>'
        yield html.svg_text(x(part), bottom + 18, words.share(part), "middle")
    yield html.svg_text((x(0) + x(1)) / 2, bottom + 36, "of what was offered", "middle unit")


def _bar(x: Scale, bar: _Bar, y: float) -> Iterator[str]:
    yield html.svg_text(LEFT - 8, y + BAR / 2 + 4, _cut(bar.label), "end")
    before, texts = 0.0, []
    for end in End:
        part = bar.shares.get(end, 0)
        if part <= 0:
            continue
        left, right = x(before), x(before + part)
        yield (
            f'<g class="end-{end}"><rect class="fill" x="{coordinate(left)}" y="{y:.1f}" '
            f'width="{coordinate(right - left)}" height="{BAR}"/></g>'
        )
        if part >= WIDE:
            texts.append(html.svg_text((left + right) / 2, y + BAR / 2 + 4, words.share(part), "middle halo"))
        before += part
    yield from texts


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def _table(name: str, bars: Sequence[_Bar]) -> Table:
    rows = [
        [Cell(bar.label), *(Cell(words.share(bar.shares.get(end, 0)), bar.shares.get(end, 0)) for end in End)]
        for bar in bars
    ]
    return Table(name, ["Of", *(end.replace("_", " ").capitalize() for end in End)], rows)
