"""Admission: turn away at the door what cannot be served in time. The rule as scripts/lib/admission.lua applies it.

It stands here for the simulator and for whoever wants to understand it; a property test holds the two to the same
verdicts, so both count in whole numbers: us between two starts, ms of waiting, per mille of capacity.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

WEIGHTS: Mapping[str, int] = {"high": 8, "normal": 3, "low": 1}
SHED_ABOVE_PER_MILLE: Mapping[str, int] = {"high": 1_000_000, "normal": 900, "low": 750}
"""Of a service's capacity, in all lanes together; high is turned away by its own bound alone."""
START_MARGIN_MS = 100
"""A start-by is this much earlier than the last moment that would do."""


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    QUEUE_FULL = "queue-full"
    SHEDDING = "shedding"
    DEADLINE_UNATTAINABLE = "deadline-unattainable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A service at one moment: booked places by priority, and what it can carry.

    `interval_us` is 1/rate (0: no limit), `service_us` the moving average of a call's time, `bound` the places that the
    priority in question may fill, `max_wait_ms` its longest wait (0: none).
    """

    waiting: Mapping[str, int]
    bound: int
    capacity: int
    interval_us: int
    service_us: int
    max_concurrency: int
    max_wait_ms: int = 0

    @property
    def total(self) -> int:
        return sum(self.waiting.values())

    @property
    def spacing_us(self) -> int:
        """Between two starts with all slots busy: the inverse of the drain rate, min(rate, slots / service time)."""
        return max(1, self.interval_us, -(-self.service_us // self.max_concurrency))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A call as admission sees it: what it waits after, its times in ms (`rest_ms` with all that must follow)."""

    name: str
    service: str
    after: Sequence[str]
    required: bool
    expected_ms: int
    rest_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`retry_ms`: in how long the reason would be gone. `expected_ms`: from now to the end, as far as looked at."""

    verdict: Verdict
    service: str
    retry_ms: int
    expected_ms: int


def wait_ms(load: Load, priority: str, waiting: int) -> int:
    """Of one with `waiting` before it in its lane: all lanes, but no more than its lane's weight lets past."""
    ahead = min(load.total, -(-waiting * sum(WEIGHTS.values()) // WEIGHTS[priority]))
    return ahead * load.spacing_us // 1000


def admit(
    calls: Sequence[PlannedCall],
    loads: Mapping[str, Load],
    priority: str,
    timeout_ms: int,
    done: Collection[str] = (),
) -> Decision:
    """Whether a job may be accepted, looking at the services of all its required calls.

    What is `done` waits for nothing.

    Places are booked for the whole graph at once, so what stands before a later call is counted while the earlier ones
    run: it starts at the later of the two, not at their sum.
    """
    ends: dict[str, int] = {}
    longest = 0
    for call in calls:
        if call.name in done:
            ends[call.name] = 0
            continue
        load = loads[call.service]
        begins = max((ends[name] for name in call.after), default=0)
        start = max(begins, wait_ms(load, priority, load.waiting[priority]))
        ends[call.name] = start + call.expected_ms
        full = _full(load, priority)
        if full is not None and call.required:
            verdict, excess = full
            return Decision(verdict, call.service, -(-excess * load.spacing_us // 1000), longest)
        if full is None:
            latest = _latest_ms(call, load, begins, timeout_ms)
            if call.required and start > latest:
                return Decision(Verdict.DEADLINE_UNATTAINABLE, call.service, start - latest, start)
            longest = max(longest, ends[call.name])
    return Decision(Verdict.ACCEPTED, "", 0, longest)


def _full(load: Load, priority: str) -> tuple[Verdict, int] | None:
    """Why there is no place, and how many must leave until there is one."""
    if load.waiting[priority] >= load.bound:
        return Verdict.QUEUE_FULL, load.waiting[priority] - load.bound + 1
    threshold = load.capacity * SHED_ABOVE_PER_MILLE[priority]
    if load.total * 1000 >= threshold:
        return Verdict.SHEDDING, load.total - threshold // 1000 + 1
    return None


def _latest_ms(call: PlannedCall, load: Load, begins_ms: int, timeout_ms: int) -> int:
    latest = timeout_ms - call.rest_ms - START_MARGIN_MS
    return min(latest, begins_ms + load.max_wait_ms) if load.max_wait_ms else latest
