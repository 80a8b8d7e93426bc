"""The geometry of charts: scales, round ticks, thinning and paths. Pure: data in, coordinates out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isclose, log10
from statistics import fmean

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values `low` to `high` onto coordinates `start` to `end`; what is outside lies on the nearer edge."""

    low: float
    high: float
    start: float
    end: float
    bend: Callable[[float], float] = float
    """Straightens the values: `log10` makes the scale logarithmic. Monotone, and finite from `low` to `high`."""

    def __call__(self, value: float) -> float:
        low, high = self.bend(self.low), self.bend(self.high)
        inside = self.bend(min(self.high, max(self.low, value)))
        part = (inside - low) / (high - low) if high > low else 0.0
        return self.start + part * (self.end - self.start)


def rareness(share: float) -> float:
    """Straightens percentiles: each nine more is one step. Finite below 1."""
    return -log10(1 - share)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that enclose both, about so many."""
    if high <= low:
        high = low + 1
    step = _step((high - low) / about)
    first, last = floor(_snapped(low / step)), ceil(_snapped(high / step))
    return [_clean(number * step, step) for number in range(first, last + 1)]


def ticks_within(low: float, high: float, about: int = 10) -> list[float]:
    """Those of the ticks that both enclose."""
    slack = 1e-9 * (high - low)
    return [tick for tick in ticks(low, high, about) if low - slack <= tick <= high + slack]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose both, which are positive; never one alone."""
    first, last = floor(_snapped(log10(low))), ceil(_snapped(log10(high)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def nines(count: int) -> list[float]:
    """0.5, 0.9, 0.99, … with up to so many nines."""
    return [0.5, *(1 - 10.0**-power for power in range(1, count + 1))]


def thinned(points: Sequence[Point], buckets: int) -> list[Point]:
    """Of each bucket the first, the least, the greatest and the last: no peak is lost, and no line looks otherwise."""
    if len(points) <= 4 * buckets:
        return list(points)
    kept: list[Point] = []
    for bucket in bucketed(len(points), buckets):
        part = range(bucket.start, bucket.stop)
        least, greatest = min(part, key=lambda i: points[i][1]), max(part, key=lambda i: points[i][1])
        kept += (points[i] for i in sorted({part[0], least, greatest, part[-1]}))
    return kept


def averages(points: Sequence[Point], buckets: int) -> list[Point]:
    """Of each bucket one point, at its first x: what is added up stays the same."""
    if len(points) <= buckets:
        return list(points)
    parts = [points[bucket] for bucket in bucketed(len(points), buckets)]
    return [(part[0][0], fmean(y for _, y in part)) for part in parts]


def bucketed(count: int, buckets: int) -> list[slice]:
    """`count` things in at most so many buckets, each of the same size but the last."""
    size = max(1, ceil(count / buckets))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def path(points: Sequence[Point]) -> str:
    """Of an SVG, from coordinates."""
    return "".join(f"{'L' if index else 'M'}{coordinate(x)} {coordinate(y)}" for index, (x, y) in enumerate(points))


def area(upper: Sequence[Point], lower: Sequence[Point]) -> str:
    return f"{path([*upper, *reversed(lower)])}Z"


def coordinate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def spread(points: Sequence[Point], count: int, offset: float) -> Iterator[Point]:
    """About `count` of them, evenly over x, for markers; `offset` (0 to 1) of a distance after the first."""
    if not points:
        return
    distance = (points[-1][0] - points[0][0]) / count
    due = points[0][0] + offset * distance
    for before, (x, y) in pairwise([points[0], *points]):
        if x >= due:
            yield (x, y) if x - due <= due - before[0] or before[0] == x else before
            due += distance or 1.0


def _step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _snapped(value: float) -> float:
    """A whole number where it is one but for rounding."""
    return round(value) if isclose(value, round(value), rel_tol=1e-12, abs_tol=1e-9) else value


def _clean(value: float, step: float) -> float:
    """0.3 rather than 0.30000000000000004."""
    return round(value, max(0, 1 - floor(log10(step))))
