"""How soon to come back: for clients that poll, and for those that were turned away."""

import math
from collections.abc import Callable

POLL_SECONDS = (1.0, 5.0)
RETRY_AFTER_SECONDS = (1, 60)
JITTER = 0.5


def poll_after_seconds(age_seconds: float, expected_seconds: float) -> float:
    """Between 1 s and 5 s: half of what it is expected to take, and slower the longer a job has lasted already."""
    shortest, longest = POLL_SECONDS
    return round(min(longest, max(shortest, expected_seconds / 2, age_seconds / 5)), 1)


def retry_after_seconds(wait_ms: int, random: Callable[[], float]) -> int:
    """Whole seconds until it is worth asking again, up to half as much again so that not all come back at once."""
    shortest, longest = RETRY_AFTER_SECONDS
    seconds = math.ceil(wait_ms / 1000 * (1 + JITTER * random()))
    return min(longest, max(shortest, seconds))
