"""Admission: turn away at the door what cannot be served in time. The rule as scripts/lib/admission.lua applies it.

It stands here for the simulator and for whoever wants to understand it; a property test holds the two to the same
verdicts, so both count in whole numbers: us between two starts, ms of waiting, per mille of capacity.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bff.policies.breaker import PROBES

WEIGHTS: Mapping[str, int] = {"high": 8, "normal": 3, "low": 1}
SHED_ABOVE_PER_MILLE: Mapping[str, int] = {"high": 1_000_000, "normal": 900, "low": 750}
"""Of a service's capacity, in all lanes together; high is turned away by its own bound alone."""
START_MARGIN_MS = 100
"""A start-by is this much earlier than the last moment that would do."""
HOP_MS = 50
"""From the end of one call to the start of the next."""
HELD_RETRY_MS = 60_000
"""When to ask again for what needs a service that an operator holds until he resumes it."""
HELD_MS = 3_600_000
"""How long such a hold is taken to last, where somebody waits for its end all the same."""
CAME_WITHIN_MS = 10_000
"""Newcomers are counted over this time."""


class Admission(StrEnum):
    """What is looked at before a job gets its place at a service; each service has its own."""

    FULL = "full"
    """All that can make it too late: breaker, operator's hold, bound, shedding, predicted wait."""
    CAPACITY = "capacity"
    """The bound of its lane alone."""
    NONE = "none"
    """Nothing turns it away."""


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    QUEUE_FULL = "queue-full"
    SHEDDING = "shedding"
    DEADLINE_UNATTAINABLE = "deadline-unattainable"
    DOWNSTREAM_UNAVAILABLE = "downstream-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A service at one moment: booked places by priority, and what it can carry.

    `interval_us` is 1/rate (0: no limit), `service_us` the moving average of a call's time, `slow_us` what 95 of 100
    calls do not exceed, `bound` the places that the priority in question may fill, `max_wait_ms` its longest wait (0:
    none), `others` how many came to the other priorities' lanes within the last CAME_WITHIN_MS, `again` what was begun
    before and goes first (`waiting` counts it too). For `open_ms` its
    breaker is still open (0: it is not); `half_open` leaves it a few slots; for `paused_ms` it rests, as it asked or an
    operator did; `held`: until he resumes it. `admission` says what of all this is held against a job.
    """

    waiting: Mapping[str, int]
    bound: int
    capacity: int
    interval_us: int
    service_us: int
    slow_us: int
    max_concurrency: int
    max_wait_ms: int = 0
    others: int = 0
    again: int = 0
    open_ms: int = 0
    half_open: bool = False
    paused_ms: int = 0
    held: bool = False
    admission: Admission = Admission.FULL

    @property
    def total(self) -> int:
        return sum(self.waiting.values())

    @property
    def rests_ms(self) -> int:
        return max(self.paused_ms, HELD_MS) if self.held else self.paused_ms

    @property
    def spacing_us(self) -> int:
        """Between two starts with all slots busy: the inverse of the drain rate, min(rate, slots / service time)."""
        slots = min(self.max_concurrency, PROBES) if self.half_open else self.max_concurrency
        return max(1, self.interval_us, -(-self.service_us // (1 if self.open_ms else slots)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A call as admission sees it.

    With a `fallback`, static data, it turns no job away. Where its last good answer is `cached`, an open breaker does
    not either: a worker looks there.
    """

    name: str
    service: str
    after: Sequence[str]
    required: bool
    fallback: bool = False
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`retry_ms`: in how long the reason would be gone. `expected_ms`: from now to the end; of a refusal, to
    the start of the call that it is for.

    `without` names the calls of an accepted job that get no place: optional ones, and those with a fallback.
    """

    verdict: Verdict
    service: str
    retry_ms: int
    expected_ms: int
    without: tuple[str, ...] = ()


def wait_ms(load: Load, priority: str, waiting: int) -> int:
    """Of one with `waiting` before it in its lane: everything that waits, and what will come to the other lanes
    meanwhile if it goes on as of late; but no more than what was begun before, and what its lane's weight lets past
    while its own lane is served.
    """
    ahead = load.again - (-waiting * sum(WEIGHTS.values()) // WEIGHTS[priority])
    taken_per_mille = load.others * load.spacing_us // CAME_WITHIN_MS
    if taken_per_mille < 1000:
        ahead = min(ahead, load.total * 1000 // (1000 - taken_per_mille))
    return load.rests_ms + ahead * load.spacing_us // 1000


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
    rests = rests_ms(calls, loads)
    longest = 0
    without: list[str] = []
    for call in calls:
        begins = max((ends[name] for name in call.after), default=0)
        ends[call.name] = 0 if call.name in done else begins
        if call.name in done:
            continue
        load = loads[call.service]
        start = max(begins, wait_ms(load, priority, load.waiting[priority]))
        obstacle = _obstacle(load, priority, call, start, _latest_ms(rests[call.name], load, begins, timeout_ms))
        if obstacle is not None and call.required and not call.fallback:
            verdict, retry_ms = obstacle
            expected_ms = retry_ms if verdict is Verdict.DOWNSTREAM_UNAVAILABLE else start
            return Decision(verdict, call.service, retry_ms, expected_ms)
        if obstacle is not None:
            without.append(call.name)
        else:
            ends[call.name] = start - (-load.service_us // 1000)
            longest = max(longest, ends[call.name])
    return Decision(Verdict.ACCEPTED, "", 0, longest, tuple(without))


def _obstacle(
    load: Load, priority: str, call: PlannedCall, start_ms: int, latest_ms: int
) -> tuple[Verdict, int] | None:
    """Why a call gets no place, and in how many ms that would be different."""
    if load.admission is Admission.NONE:
        return None
    full = load.admission is Admission.FULL
    if full and load.held:
        return Verdict.DOWNSTREAM_UNAVAILABLE, HELD_RETRY_MS
    if full and load.open_ms and not call.cached:
        return Verdict.DOWNSTREAM_UNAVAILABLE, load.open_ms
    if (no_room := _no_room(load, priority)) is not None:
        verdict, excess = no_room
        return verdict, -(-excess * load.spacing_us // 1000)
    return (Verdict.DEADLINE_UNATTAINABLE, start_ms - latest_ms) if full and start_ms > latest_ms else None


def _no_room(load: Load, priority: str) -> tuple[Verdict, int] | None:
    """Why there is no place, and how many must leave until there is one."""
    if load.waiting[priority] >= load.bound:
        return Verdict.QUEUE_FULL, load.waiting[priority] - load.bound + 1
    if load.admission is Admission.CAPACITY:
        return None
    threshold = load.capacity * SHED_ABOVE_PER_MILLE[priority]
    if load.total * 1000 >= threshold:
        return Verdict.SHEDDING, load.total - threshold // 1000 + 1
    return None


def rests_ms(calls: Sequence[PlannedCall], loads: Mapping[str, Load]) -> dict[str, int]:
    """From the start of each call to the end of its job along the longest required path, each call a slow one."""
    rests: dict[str, int] = {}
    for call in reversed(calls):
        later = (HOP_MS + rests[each.name] for each in calls if each.required and call.name in each.after)
        rests[call.name] = -(-loads[call.service].slow_us // 1000) + max(later, default=0)
    return rests


def _latest_ms(rest_ms: int, load: Load, begins_ms: int, timeout_ms: int) -> int:
    latest = timeout_ms - rest_ms - START_MARGIN_MS
    return min(latest, begins_ms + load.max_wait_ms) if load.max_wait_ms else latest
