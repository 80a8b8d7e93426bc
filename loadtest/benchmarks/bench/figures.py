"""What rounds of measuring amount to: medians, spreads, and ratios of what ran side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Figures = Mapping[str, float]
"""Of one contestant in one round, by name."""
Rounds = Mapping[str, Sequence[Figures]]
"""By name of the contestant, all as long as each other."""
NOTHING = "–"


def middle(rounds: Sequence[Figures], figure: str) -> float:
    return median(each[figure] for each in rounds)


def spread(rounds: Sequence[Figures], figure: str) -> float:
    """The most less the least, as a share of the median."""
    values = [each[figure] for each in rounds]
    return (max(values) - min(values)) / median(values) if median(values) else 0.0


def ratio(rounds: Sequence[Figures], base: Sequence[Figures], figure: str) -> float:
    """The median of the rounds' ratios: what slows a whole round down slows down both."""
    return median(own[figure] / other[figure] for own, other in zip(rounds, base, strict=True))


def percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def short(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Table:
    """By `name` it has its place in the docs, and its rounds have theirs in the JSON."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> list[str]:
        """Markdown, without the title."""
        rule = "|---" * len(self.head) + "|"
        return [_line(self.head), rule, *map(_line, self.rows)]


def beside(rounds: Rounds, ours: str, theirs: str) -> list[str]:
    """Markdown: of each contestant of ours that has one of theirs beside it, how many times theirs each figure is."""
    rows = []
    for name, own in rounds.items():
        other = rounds.get(name.replace(ours, theirs, 1))
        if ours in name and theirs not in name and other:
            figures = [figure for figure in own[0] if all(each[figure] for each in other)]
            rows.append([name, ", ".join(f"{figure} {short(ratio(own, other, figure))}" for figure in figures)])
    return Table("", "", (ours, f"× {theirs}"), rows).lines() if rows else []


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def times(rounds: Rounds, name: str, base: str, figure: str, *, inverse: bool = False) -> str:
    """How many times `base`; `inverse` where less is better."""
    if base not in rounds:
        return NOTHING
    own, other = rounds[name], rounds[base]
    return short(ratio(other, own, figure) if inverse else ratio(own, other, figure))
