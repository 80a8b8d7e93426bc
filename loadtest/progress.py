"""How a run stands, for whoever watches it while it goes on."""

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Protocol

from scenario.result import End

RECENT = 2_000


class Phase(StrEnum):
    SENDING = "sending"
    WAITING = "waiting"
    """Everything has been sent; clients wait for the rest."""
    SETTLING = "settling"
    """No client waits any more; what became of jobs that were given up is looked up, once they must have ended."""
    OVER = "over"


class Recent:
    """The last few of many values; `count` is of all that there ever were."""

    def __init__(self) -> None:
        self.count = 0
        self._values: deque[float] = deque(maxlen=RECENT)

    def append(self, value: float) -> None:
        self.count += 1
        self._values.append(value)

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)

    def after(self, count: int) -> list[float]:
        """Those that came after the first `count`, as far as they are still known."""
        kept = min(self.count - count, len(self._values))
        return list(islice(self._values, len(self._values) - kept, None))


@dataclass(slots=True)
class Progress:
    """Counts so far. They change on the event loop of the run alone, and only grow; read them there.

    `start` is when the run began, or will, on `time.perf_counter()`: the clock of all that is measured beside it.
    """

    duration_seconds: float
    """For which requests are sent; the run itself is over somewhat later."""
    planned: float
    """How many arrivals are to be expected."""
    start: float = field(default_factory=time.perf_counter)
    phase: Phase = Phase.SENDING
    sent: int = 0
    """Arrivals that were sent, repetitions not counted."""
    attempts: int = 0
    accepted: int = 0
    """Attempts that were answered with a job."""
    retries: int = 0
    lost_answers: int = 0
    """Requests, polls too, whose connection failed."""
    polls: int = 0
    """Looks at a job, by whatever way."""
    clients: int = 0
    """That are under way now."""
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    """Attempts."""
    ends: Counter[End] = field(default_factory=Counter)
    """Arrivals that are done with; who gave up counts as timed out until his job is known to be lost."""
    recent_accept: Recent = field(default_factory=Recent)
    """In seconds; so are the other two."""
    recent_told: Recent = field(default_factory=Recent)
    recent_lag: Recent = field(default_factory=Recent)

    @property
    def at(self) -> float:
        """Seconds from the start of the run; negative before it."""
        return time.perf_counter() - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What was measured beside a run, in place of what its clients can tell."""

    depths: Sequence[tuple[float, float]]
    """Each reading: seconds from the start of the run, and the places that were booked at the bottleneck."""
    depth: list[float]
    """At the end of each second from 0 on; nan where it is not known. So is `oldest_age`."""
    oldest_age: list[float]
    utilisation: float
    """Busy slots of the bottleneck, of all, on average over the time in which requests were sent."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Goes into the `load` part of the result as it is."""


class Observer(Protocol):
    """Watches beside a run, on its event loop: what takes it long makes the sender late."""

    async def watch(self, progress: Progress) -> None:
        """Begun before the first request is sent, cancelled when the run is over. What it raises ends the run."""

    def truth(self) -> Truth | None:
        """Asked for when the run is over; None where it measures nothing."""
