"""A run at one moment, as lines for a terminal. Nothing here knows of the terminal but its width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from loadtest.progress import Phase, Progress
from loadtest.watch.standing import Standing
from scenario.result import End, percentile
from scenario.text.summary import duration

NARROW, WIDE = 14, 40
FULL, FULLER = 0.9, 0.75
"""From where the queue's bar is red, and from where it is yellow: lower priorities are turned away there."""


class Style(StrEnum):
    """SGR codes."""

    PLAIN = ""
    BOLD = "1"
    GREEN = "32"
    YELLOW = "33"
    RED = "31"


Piece = tuple[str, Style]


@dataclass(frozen=True, slots=True)
class Counts:
    """So far."""

    at: float
    offered: int
    accepted: int
    served: int
    rejected: int
    expired: int

    @classmethod
    def of(cls, progress: Progress) -> Self:
        return cls(
            progress.at,
            progress.sent,
            progress.accepted,
            progress.ends[End.SUCCEEDED],
            progress.rejected_by_reason.total(),
            progress.ends[End.EXPIRED],
        )

    def per_second(self, before: "Counts") -> dict[str, float]:
        seconds = self.at - before.at
        names = ("offered", "accepted", "served", "rejected", "expired")
        return {name: (getattr(self, name) - getattr(before, name)) / seconds if seconds else 0.0 for name in names}


@dataclass(frozen=True, slots=True)
class Frame:
    """`patience` is how long, after the last was sent, a client may go on."""

    scenario: str
    service: str
    capacity: int
    patience: float
    progress: Progress
    rates: dict[str, float]
    standing: Standing | None
    said: Sequence[str] = ()

    def lines(self, width: int, *, colour: bool, blocks: bool) -> list[str]:
        """Each shorter than `width`; `blocks`: the terminal can show them."""
        bar_width = min(WIDE, max(NARROW, width - 84))
        marks = ("█", "·") if blocks else ("#", ".")
        rows = (
            self._course(bar_width, marks),
            self._rates(),
            self._queue(bar_width, marks),
            self._latencies(),
            self._ends(),
            *([(f"  {line}", Style.YELLOW)] for line in self.said[-1:]),
        )
        return [fitted(row, width - 1, colour=colour) for row in rows]

    def line(self) -> str:
        """All that matters, on one line of a log."""
        pieces = (self._clock(), self._rates(), self._queue(0, ("", "")), self._latencies())
        texts = ("".join(text for text, _ in row).strip() for row in pieces)
        return f"{self.scenario}: " + "; ".join(" ".join(text.split()) for text in texts)

    def _course(self, bar_width: int, marks: tuple[str, str]) -> list[Piece]:
        share = min(1.0, max(0.0, self.progress.at / self.progress.duration_seconds))
        return [
            (f"{self.scenario}  ", Style.BOLD),
            (bar(share, bar_width, marks), Style.GREEN),
            (f" {share:4.0%}  ", Style.PLAIN),
            *self._clock(),
        ]

    def _clock(self) -> list[Piece]:
        at, whole = max(0.0, self.progress.at), self.progress.duration_seconds
        if self.progress.phase is Phase.SENDING:
            return [(f"{clock(at)} of {clock(whole)}, {clock(whole - at)} left", Style.PLAIN)]
        if self.progress.phase is Phase.WAITING:
            left = clock(whole + self.patience - at)
            return [(f"{clock(at)}, {self.progress.clients:,} clients wait, {left} left at most", Style.PLAIN)]
        return [(f"{clock(at)}, asking after jobs that were given up", Style.PLAIN)]

    def _rates(self) -> list[Piece]:
        cells = (f"{name} {rate:,.1f}/s".ljust(20) for name, rate in self.rates.items())
        return [("  " + "".join(cells), Style.PLAIN)]

    def _queue(self, bar_width: int, marks: tuple[str, str]) -> list[Piece]:
        if self.standing is None:
            return [(f"  {self.service}: not told", Style.PLAIN)]
        depth, share = self.standing.depth, self.standing.depth / self.capacity
        style = Style.RED if share >= FULL else Style.YELLOW if share >= FULLER else Style.GREEN
        held = f"  {self.standing.in_flight:,.0f} of {self.standing.slots:,.0f} slots"
        age = f"  oldest {duration(self.standing.oldest_age)}  predicted {duration(self.standing.predicted_wait)}"
        return [
            (f"  {self.service} ", Style.PLAIN),
            (bar(share, bar_width, marks), style),
            (f" {depth:,.0f} of {self.capacity:,}", Style.PLAIN),
            (age + held, Style.PLAIN),
        ]

    def _latencies(self) -> list[Piece]:
        return [("  " + "   ".join(self._latency()), Style.PLAIN)]

    def _latency(self) -> Iterator[str]:
        recent = self.progress.recent_accept, self.progress.recent_told, self.progress.recent_lag
        for name, values in zip(("accept", "told", "sender late"), recent, strict=True):
            ascending = sorted(values)
            p50, p99 = (duration(percentile(ascending, share) if ascending else None) for share in (0.5, 0.99))
            yield f"{name} p50 {p50} p99 {p99}"

    def _ends(self) -> list[Piece]:
        counts = [f"{end.value.replace('_', ' ')} {self.progress.ends[end]:,}" for end in End]
        sent = f"  sent {self.progress.sent:,} of {self.progress.planned:,.0f}  under way {self.progress.clients:,}"
        lost = self.progress.ends[End.LOST]
        return [
            ("  ".join([sent, *counts[:-1], ""]), Style.PLAIN),
            (counts[-1], Style.RED if lost else Style.PLAIN),
        ]


def fitted(row: Sequence[Piece], width: int, *, colour: bool) -> str:
    """The row, cut to so many characters."""
    shown, left = "", width
    for text, style in row:
        cut = text[:left]
        left -= len(cut)
        shown += f"\x1b[{style}m{cut}\x1b[0m" if colour and style and cut else cut
    return shown


def bar(share: float, width: int, marks: tuple[str, str]) -> str:
    done = min(width, max(round(share * width), int(share > 0)))
    return marks[0] * done + marks[1] * (width - done)


def clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
