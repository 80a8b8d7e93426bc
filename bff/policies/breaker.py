"""The circuit breaker of a service: when to stop calling it, and how to find out that it is well again.

The rule as scripts/lib/breaker.lua applies it. It stands here for the simulator and for whoever wants to understand it;
a property test holds the two to the same states. The states are those of Michael Nygard, "Release It!" (2007); the
failure rate is taken over a sliding window, two fixed ones weighed by how much of each lies in it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

PROBES = 3
"""Calls in flight at once while half-open, over all workers together; as many must go well to close it."""
MAX_OPEN_MS = 60_000
"""An open period is twice as long as the one before it, up to this."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    """Nothing is called."""
    HALF_OPEN = "half-open"
    """A few probes are."""


class Forced(StrEnum):
    """What an operator says stands above what the ends of calls say."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Open when at least `minimum_calls` ended within `window_ms` and `failure_percent` of them or more badly."""

    failure_percent: int
    minimum_calls: int
    window_ms: int
    open_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """One service's breaker. `open_until_ms` is 0 while it is closed; once it has passed, the breaker is half-open.

    The end of a call that began before `since_ms` says nothing any more. `good` and `bad` count the window that began
    at `window_at_ms` (half-open: the probes), `earlier_…` the one before it; `opened` the open periods in a row.
    """

    open_until_ms: int = 0
    since_ms: int = 0
    opened: int = 0
    window_at_ms: int = 0
    good: int = 0
    bad: int = 0
    earlier_good: int = 0
    earlier_bad: int = 0
    forced: Forced | None = None

    def state(self, now_ms: int) -> State:
        if self.forced is not None:
            return State(self.forced)
        if not self.open_until_ms:
            return State.CLOSED
        still_ms = self.open_until_ms - now_ms
        return State.OPEN if 0 < still_ms <= MAX_OPEN_MS else State.HALF_OPEN  # longer: the clock was set back


def noted(breaker: Breaker, rule: Rule, *, well: bool, began_ms: int, now_ms: int) -> Breaker:
    """After a call has ended."""
    if breaker.forced is not None or began_ms < breaker.since_ms <= now_ms + MAX_OPEN_MS:
        return breaker
    if breaker.open_until_ms:
        return _probed(breaker, rule, well, now_ms)
    rolled = _rolled(breaker, rule.window_ms, now_ms)
    counted = replace(rolled, good=rolled.good + well, bad=rolled.bad + (not well))
    return _opened(counted, rule, now_ms) if _too_bad(counted, rule, now_ms) else counted


def told(breaker: Breaker, forced: Forced | None, *, now_ms: int) -> Breaker:
    """After an operator has said how it stands, or (None) that the ends of calls count again: probes first where it
    was open by his word.
    """
    anew = Breaker(since_ms=now_ms, window_at_ms=now_ms)
    if forced is None:
        return replace(anew, open_until_ms=now_ms) if breaker.forced is Forced.OPEN else replace(breaker, forced=None)
    return replace(anew if forced is Forced.CLOSED else breaker, forced=forced)


def _probed(breaker: Breaker, rule: Rule, well: bool, now_ms: int) -> Breaker:
    if not well:
        return _opened(breaker, rule, now_ms)
    if breaker.good + 1 < PROBES:
        return replace(breaker, good=breaker.good + 1)
    return Breaker(since_ms=now_ms, window_at_ms=now_ms)


def _opened(breaker: Breaker, rule: Rule, now_ms: int) -> Breaker:
    until_ms = now_ms + min(MAX_OPEN_MS, rule.open_ms * 2 ** min(breaker.opened, 10))
    return Breaker(open_until_ms=until_ms, since_ms=until_ms, opened=breaker.opened + 1)


def _rolled(breaker: Breaker, window_ms: int, now_ms: int) -> Breaker:
    """With the window that `now_ms` lies in as the present one."""
    age_ms = now_ms - breaker.window_at_ms
    if age_ms < window_ms:
        return breaker
    begun = replace(breaker, window_at_ms=now_ms - age_ms % window_ms, good=0, bad=0, earlier_good=0, earlier_bad=0)
    if age_ms < 2 * window_ms:
        return replace(begun, earlier_good=breaker.good, earlier_bad=breaker.bad)
    return begun


def _too_bad(breaker: Breaker, rule: Rule, now_ms: int) -> bool:
    earlier_ms = rule.window_ms - (now_ms - breaker.window_at_ms)  # of the earlier window, in the sliding one
    bad = breaker.bad * rule.window_ms + breaker.earlier_bad * earlier_ms
    all_ = bad + breaker.good * rule.window_ms + breaker.earlier_good * earlier_ms
    return all_ >= rule.minimum_calls * rule.window_ms and bad * 100 >= all_ * rule.failure_percent
