"""Where data lies on a drawing, and what is drawn around it: axes with their units, spikes, limits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log10

from scenario import words
from scenario.report import html
from scenario.report.chart import Point, Scale, coordinate, decades, ticks, ticks_within

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 30, 46
NEAR = 20.0
"""Times that are apart by no more than this factor are read best on a scale from 0, others on a logarithmic one."""

Spikes = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Limit:
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Axis:
    """`at`: where ticks stand; the first and the last are the ends, unless `ends` says otherwise."""

    name: str
    at: Sequence[float]
    label: Callable[[float], str] = words.number
    bend: Callable[[float], float] = float
    ends: tuple[float, float] | None = None

    def scale(self, start: float, end: float) -> Scale:
        low, high = self.ends or (self.at[0], self.at[-1])
        return Scale(low, high, start, end, self.bend)


@dataclass(frozen=True, slots=True)
class Frame:
    """From `top` to `bottom` on the drawing, and as wide as it."""

    across: Axis
    up: Axis
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM
    x: Scale = field(init=False)
    y: Scale = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", self.across.scale(LEFT, WIDTH - RIGHT))
        object.__setattr__(self, "y", self.up.scale(self.bottom, self.top))

    def at(self, point: Point) -> Point:
        return self.x(point[0]), self.y(point[1])

    @property
    def attributes(self) -> str:
        """By which the script knows at which moment the pointer is."""
        x = self.x
        return f' data-low="{x.low!r}" data-high="{x.high!r}" data-left="{x.start}" data-right="{x.end}"'


def time_axis(points: Sequence[Point]) -> Axis:
    start, end = min((x for x, _ in points), default=0.0), max((x for x, _ in points), default=1.0)
    end = end if end > start else start + 1
    return Axis("seconds from the start of the run", ticks_within(start, end), ends=(start, end))


def duration_axis(usual: Sequence[float], greatest: float, shortest: float) -> Axis:
    """Of positive times: from 0, or logarithmic where `usual` ones lie far apart from the greatest."""
    least = max(shortest, min(usual, default=greatest))
    if greatest <= NEAR * least:
        return Axis("time", ticks(0, greatest), words.seconds)
    return Axis("time, logarithmic", decades(least, greatest), words.seconds, log10)


def grid(frame: Frame) -> Iterator[str]:
    """Thin lines across, and what each stands for."""
    for tick in frame.up.at:
        y = frame.y(tick)
        yield f'<path class="grid" d="M{LEFT} {coordinate(y)}H{WIDTH - RIGHT}"/>'
        yield html.svg_text(LEFT - 8, y + 4, frame.up.label(tick), "end")


def base(frame: Frame) -> Iterator[str]:
    for tick in frame.across.at:
        x = frame.x(tick)
        yield f'<path class="axis" d="M{coordinate(x)} {coordinate(frame.bottom)}v5"/>'
        yield html.svg_text(x, frame.bottom + 19, frame.across.label(tick), "middle")
    yield f'<path class="axis" d="M{LEFT} {coordinate(frame.bottom)}H{WIDTH - RIGHT}"/>'
    yield html.svg_text((LEFT + WIDTH - RIGHT) / 2, frame.bottom + 39, frame.across.name, "middle unit")


def axes(frame: Frame) -> Iterator[str]:
    yield from grid(frame)
    yield from base(frame)
    yield html.svg_text(4, 14, frame.up.name, "unit")


def shaded(frame: Frame, spikes: Spikes) -> Iterator[str]:
    """Named where there is room: above the first frame."""
    for start, end in spikes:
        left, right = frame.x(start), frame.x(end)
        if right > left:
            yield (
                f'<rect class="spike" x="{coordinate(left)}" y="{coordinate(frame.top)}" '
                f'width="{coordinate(right - left)}" height="{coordinate(frame.bottom - frame.top)}"/>'
            )
    if len(spikes) == 1 and frame.top == TOP:
        yield html.svg_text((frame.x(spikes[0][0]) + frame.x(spikes[0][1])) / 2, TOP - 6, "spike", "middle note")


def limited(frame: Frame, limits: Sequence[Limit]) -> Iterator[str]:
    """Each label above its line, or below it where two would lie on one another."""
    taken = float("-inf")
    for limit in sorted(limits, key=lambda each: -each.value):
        y = frame.y(limit.value)
        label_y = y - 5 if y - 5 - taken >= 14 else y + 14
        taken = label_y
        yield f'<path class="limit" d="M{LEFT} {coordinate(y)}H{WIDTH - RIGHT}"/>'
        yield html.svg_text(WIDTH - RIGHT - 4, label_y, limit.label, "end halo")
