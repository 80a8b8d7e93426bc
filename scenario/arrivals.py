"""When requests are sent, and what each asks for: planned ahead, so that it depends on nothing that comes back."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bff.catalog.model import Priority
from scenario.chance import Stream, exponential, stream
from scenario.model import Arrivals, Scenario, Traffic


@dataclass(frozen=True, slots=True)
class Arrival:
    """`at` is in seconds from the start of the run; `part` the index of its part of the mix."""

    at: float
    part: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` to `end` (s) the rate goes evenly from `first` to `last` (1/s)."""

    start: float
    end: float
    first: float
    last: float

    @property
    def expected(self) -> float:
        """Arrivals within it."""
        return (self.end - self.start) * (self.first + self.last) / 2

    def when(self, share: float) -> float:
        """By when `share` (0 to 1) of them are expected to have come."""
        seconds, slope = self.end - self.start, self.last - self.first
        if slope == 0:
            return self.start + share * seconds
        wanted = share * (self.first + self.last) / 2
        # The positive root of slope/2 x² + first x = wanted, in the form that loses nothing for small slopes.
        root = math.sqrt(max(0.0, self.first * self.first + 2 * slope * wanted))
        # Both are 0 at the foot of a ramp from nothing.
        return self.start + seconds * 2 * wanted / (self.first + root) if self.first + root else self.start


def stretches(traffic: Traffic) -> list[Stretch]:
    """The rate over the whole run, in pieces."""
    pieces: list[Stretch] = []
    base, at, end = traffic.baseline_per_second, 0.0, traffic.duration_seconds
    for start, spike in traffic.each_spike():
        pieces.append(Stretch(at, start, base, base))
        stop, top, ramp = start + spike.duration_seconds, spike.rate_per_second, spike.ramp_seconds
        pieces.append(Stretch(start, start + ramp, base, top))
        pieces.append(Stretch(start + ramp, stop - ramp, top, top))
        pieces.append(Stretch(stop - ramp, stop, top, base))
        at = stop
    pieces.append(Stretch(at, end, base, base))
    return [cut for piece in pieces if (cut := _cut(piece, end)) and cut.end > cut.start]


def _cut(piece: Stretch, end: float) -> Stretch | None:
    if piece.end <= end:
        return piece
    if piece.start >= end:
        return None
    last = piece.first + (piece.last - piece.first) * (end - piece.start) / (piece.end - piece.start)
    return Stretch(piece.start, end, piece.first, last)


def expected_arrivals(traffic: Traffic) -> float:
    return sum(piece.expected for piece in stretches(traffic))


def instants(traffic: Traffic, seed: int, replication: int = 0) -> Iterator[float]:
    """Seconds from the start of the run, ascending.

    Poisson: unit-rate arrivals carried over by the inverse of the expected number (Çinlar, 1975). Even: so that half an
    arrival is expected before the first.
    """
    rng = stream(seed, Stream.ARRIVALS, replication)
    poisson = traffic.arrivals is Arrivals.POISSON
    due = exponential(rng, 1.0) if poisson else 0.5
    passed = 0.0
    random, log = rng.random, math.log
    for piece in stretches(traffic):
        expected, start, seconds = piece.expected, piece.start, piece.end - piece.start
        flat, until = piece.first == piece.last, passed + piece.expected
        while due < until:
            share = (due - passed) / expected
            yield start + share * seconds if flat else piece.when(share)
            due += -1.0 * log(1.0 - random()) if poisson else 1.0
        passed += expected


def parts(traffic: Traffic, seed: int, replication: int = 0) -> Iterator[int]:
    """Of the mix, by index: of one arrival after the other, without an end."""
    rng, last = stream(seed, Stream.MIX, replication), len(traffic.mix) - 1
    while True:
        left, part = rng.random() if last else 0.0, 0
        while part < last and left >= traffic.mix[part].share:
            left -= traffic.mix[part].share
            part += 1
        yield part


def arrivals(scenario: Scenario, replication: int = 0) -> Iterator[Arrival]:
    """Of one replication. Same seed, same arrivals, bit for bit."""
    of = (scenario.traffic, scenario.seed, replication)
    return map(Arrival, instants(*of), parts(*of))


def priority_of(scenario: Scenario, arrival: Arrival) -> Priority:
    return scenario.traffic.mix[arrival.part].priority
