"""When to try again to tell somebody of a job's end: eleven attempts within a day."""

from collections.abc import Callable

AFTER_SECONDS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
"""At most, after the first attempt, the second …; in all 24 h less 18 minutes."""
MAX_RETRY_AFTER_MS = 3_600_000


def next_delay_ms(attempt: int, retry_after_ms: int | None, random: Callable[[], float]) -> int | None:
    """After this attempt (from 1) failed; None: it was the last. Half of it is jitter. Retry-After counts up to 1 h."""
    if attempt > len(AFTER_SECONDS):
        return None
    most_ms = AFTER_SECONDS[attempt - 1] * 1000
    wait_ms = most_ms - int(random() * most_ms / 2)
    return max(wait_ms, min(retry_after_ms or 0, MAX_RETRY_AFTER_MS))
