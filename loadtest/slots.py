"""What a run's record tells of the bottleneck's slots: who waited for one, and how long it had been free."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.record import Record


@dataclass(frozen=True, slots=True)
class Waited:
    """For a slot that was free at `free`, and taken at `start`: instants of the run, in seconds."""

    queued: float
    free: float
    start: float

    @property
    def turnaround(self) -> float:
        return max(0.0, self.start - self.free)


def waited(record: Record, slots: int) -> Iterator[Waited]:
    """Of each start that somebody waited for. The n-th takes the slot that the (n - slots)-th end left: who queued
    after that found it free.
    """
    starts = sorted(zip(record.busy_from, record.queued_at, strict=True))
    ends = sorted(start + busy for start, busy in zip(record.busy_from, record.busy_for, strict=True))
    for (start, queued), free in zip(starts[slots:], ends, strict=False):
        if free > queued:
            yield Waited(queued, free, start)


def spells(record: Record, slots: int) -> list[tuple[float, float]]:
    """From when to when each waited for a slot, got it or not; in the order in which they came."""
    in_vain = zip(record.in_vain_from, record.in_vain_to, strict=True)
    return sorted([*((each.queued, each.start) for each in waited(record, slots)), *in_vain])
