"""Baseline and spikes found in instants of arrival."""

from collections.abc import Iterator, Sequence
from math import ceil, sqrt
from statistics import fmean, median, pvariance

from scenario.model import Arrivals, Spike, Traffic

PER_BIN = 20
"""So many arrivals fall into a bin on average, if a second is too short for that."""
FACTOR, SIGMAS = 1.5, 4.0
"""A spike is above the baseline by this factor, and by so many deviations of a Poisson count."""
LEAST_BINS = 2
EVEN_BELOW = 0.5
"""Where counts vary less than this share of a Poisson process's, arrivals are even."""


def fit_traffic(instants: Sequence[float]) -> Traffic:
    """`instants` ascending, in seconds from any origin; the traffic begins with the first."""
    start, span = instants[0], max(1.0, instants[-1] - instants[0])
    width = max(1.0, PER_BIN * span / len(instants)) if span >= 1 else span
    counts = _counts([at - start for at in instants], width, ceil(span / width))
    baseline, spikes = _baseline_and_spikes(counts)
    return Traffic(
        arrivals=_kind(counts, spikes),
        baseline_per_second=round(baseline / width, 4),
        duration_seconds=round(len(counts) * width, 3),
        spikes=tuple(
            Spike(
                at_seconds=round(first * width, 3),
                duration_seconds=round((last - first) * width, 3),
                rate_per_second=round(fmean(counts[first:last]) / width, 4),
            )
            for first, last in spikes
        ),
    )


def _counts(ats: Sequence[float], width: float, bins: int) -> list[int]:
    counts = [0] * bins
    for at in ats:
        counts[min(bins - 1, int(at / width))] += 1
    return counts


def _baseline_and_spikes(counts: Sequence[int]) -> tuple[float, list[tuple[int, int]]]:
    """The baseline per bin, and from which bin to before which each spike lasts; the baseline is of what is outside."""
    baseline = float(_quiet_level(counts))
    spikes: list[tuple[int, int]] = []
    for _ in range(5):
        spikes = list(_runs(counts, max(baseline * FACTOR, baseline + SIGMAS * sqrt(max(1.0, baseline)))))
        outside = [n for index, n in enumerate(counts) if not any(first <= index < last for first, last in spikes)]
        if not outside:
            return fmean(counts), []
        if abs(fmean(outside) - baseline) < 1e-9:
            break
        baseline = fmean(outside)
    return baseline, spikes


def _quiet_level(counts: Sequence[int]) -> float:
    """Where spikes fill more than half of the time, the median would be one of theirs."""
    ordered = sorted(counts)
    low = median(ordered[: max(1, len(ordered) // 5)])
    return low if low * FACTOR < median(ordered) - SIGMAS * sqrt(max(1.0, low)) else median(ordered)


def _runs(counts: Sequence[int], above: float) -> Iterator[tuple[int, int]]:
    """Of bins above the threshold; a gap of one bin does not end it."""
    first = None
    for index, count in enumerate([*counts, 0, 0]):
        if count > above:
            first = index if first is None else first
        elif first is not None and (index + 1 >= len(counts) or counts[index + 1] <= above):
            if index - first >= LEAST_BINS:
                yield first, min(index, len(counts))
            first = None


def _kind(counts: Sequence[int], spikes: Sequence[tuple[int, int]]) -> Arrivals:
    outside = [n for index, n in enumerate(counts) if not any(first <= index < last for first, last in spikes)]
    inner = outside[1:-1] or outside  # the first and the last bin may be cut
    mean = fmean(inner) if inner else 0.0
    return Arrivals.EVEN if mean and pvariance(inner) / mean < EVEN_BELOW else Arrivals.POISSON
