"""How many calls may start, and how many did. Time is passed in, in seconds of one monotonic clock."""

from collections import deque


class TokenBucket:
    """Starts by rate: full at first, with room for a tenth of a second's worth, at least one.

    So a window of one second sees at most rate + max(1, rate / 10) starts. Rate 0: no limit.
    """

    def __init__(self, rate_per_second: float, now: float) -> None:
        self.rate_per_second = rate_per_second
        self._room = max(1.0, rate_per_second / 10)
        self._tokens = self._room
        self._filled_at = now

    def take(self, now: float) -> bool:
        if self.rate_per_second == 0:
            return True
        self._tokens = min(self._room, self._tokens + (now - self._filled_at) * self.rate_per_second)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class StartWindow:
    """The most starts that any window of one second (open at its older end) has seen."""

    def __init__(self) -> None:
        self.most = 0
        self._starts: deque[float] = deque()

    def add(self, now: float) -> None:
        starts = self._starts
        starts.append(now)
        while starts[0] <= now - 1.0:
            starts.popleft()
        self.most = max(self.most, len(starts))
