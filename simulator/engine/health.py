"""What the ends of calls say of a service: its breaker, its retry budget, and the times that admission counts with."""

from collections import deque

from bff.catalog.services import Service
from bff.policies.breaker import PROBES, Breaker, Rule, State, noted

FRESH_MS = 10_000
"""What was measured counts for so long; then what services.toml expects does again."""
_PER_FIRST_ATTEMPT, _PER_RETRY, _MOST = 100, 1000, 10_000


class Health:
    """The breaker. What went well is noted late: as long as nothing goes badly it changes nothing."""

    __slots__ = ("_breaker", "_enough", "_rule", "_well")

    def __init__(self, service: Service) -> None:
        policy = service.breaker
        self._rule = Rule(
            failure_percent=policy.failure_percent,
            minimum_calls=policy.minimum_calls,
            window_ms=round(policy.window_seconds * 1000),
            open_ms=round(policy.open_seconds * 1000),
        )
        self._breaker = Breaker()
        self._well: deque[tuple[float, float]] = deque()
        self._enough = 1000

    @property
    def is_closed(self) -> bool:
        return not self._breaker.open_until_ms

    def slots(self, now: float, slots: int) -> int:
        """How many calls may be in flight."""
        state = self._breaker.state(_ms(now))
        return slots if state is State.CLOSED else 0 if state is State.OPEN else min(slots, PROBES)

    def open_ms(self, now: float) -> int:
        """For how long none may be."""
        return max(0, self._breaker.open_until_ms - _ms(now))

    def is_half_open(self, now: float) -> bool:
        return self._breaker.state(_ms(now)) is State.HALF_OPEN

    def note(self, now: float, began: float, well: bool) -> None:
        if well and not self._breaker.open_until_ms:
            self._well.append((began, now))
            if len(self._well) > self._enough:
                self._forget(now)
            return
        for began_then, then in self._well:
            self._note(then, began_then, True)
        self._well.clear()
        self._note(now, began, well)

    def _note(self, now: float, began: float, well: bool) -> None:
        self._breaker = noted(self._breaker, self._rule, well=well, began_ms=_ms(began), now_ms=_ms(now))

    def _forget(self, now: float) -> None:
        """What lies in neither window any more."""
        while self._well[0][1] < now - 2 * self._rule.window_ms / 1000:
            self._well.popleft()
        self._enough = 2 * len(self._well) + 1000


class RetryBudget:
    """As scripts/lib/budget.lua has it: each first attempt earns a tenth of a retry, each 0.1 s too, up to ten."""

    __slots__ = ("_at_ms", "_tokens")

    def __init__(self) -> None:
        self._at_ms = 0
        self._tokens = _MOST

    def earn(self, now: float) -> None:
        self._set(now, _PER_FIRST_ATTEMPT)

    def spend(self, now: float) -> bool:
        self._set(now, 0)
        if self._tokens < _PER_RETRY:
            return False
        self._tokens -= _PER_RETRY
        return True

    def _set(self, now: float, more: int) -> None:
        now_ms = _ms(now)
        self._tokens = min(_MOST, self._tokens + now_ms - self._at_ms + more)
        self._at_ms = now_ms


class Times:
    """As scripts/finish.lua keeps them: a moving average, and what 95 of 100 calls do not exceed. In us."""

    __slots__ = ("_expected_us", "_noted_ms", "_slow_us", "_timeout_us", "service_us")

    def __init__(self, service: Service) -> None:
        self._expected_us = round(service.expected_seconds * 1_000_000)
        self._timeout_us = round(service.timeout_seconds * 1_000_000)
        self.service_us = self._expected_us
        self._slow_us = self._expected_us
        self._noted_ms = -FRESH_MS - 1

    def note(self, now: float, took: float) -> None:
        took_us = round(took * 1000) * 1000
        slow_us = self._slow(now)
        slow = slow_us + slow_us * 19 / 400 if took_us > slow_us else max(1000.0, slow_us - slow_us / 400)
        self.service_us = (self.service_us * 15 + took_us) // 16
        self._slow_us = int(slow)
        self._noted_ms = _ms(now)

    def slow_us(self, now: float) -> int:
        return min(self._slow(now), self._timeout_us)

    def _slow(self, now: float) -> int:
        return self._slow_us if _ms(now) - self._noted_ms <= FRESH_MS else self._expected_us


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
