"""Who polls one job far too often is told to slow down."""

from collections import OrderedDict

BURST = 200
PER_SECOND = 20.0
REMEMBERED = 10_000


class PollPace:
    """A generous token bucket for each job, in this process. The least recently asked are forgotten."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # job id -> tokens, at (seconds)

    def wait_seconds(self, job_id: str, now: float) -> float:
        """0 where the poll is within bounds, and counted; else how long to wait."""
        tokens, at = self._buckets.pop(job_id, (float(BURST), now))
        tokens = min(BURST, tokens + (now - at) * PER_SECOND)
        allowed = tokens >= 1
        self._buckets[job_id] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / PER_SECOND
