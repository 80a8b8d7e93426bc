"""How long clients pause: before they look again, and before they try again."""

from collections.abc import Iterator
from itertools import repeat
from random import Random

from scenario.model import Clients, Wait

BACKOFF_SECONDS = (1.0, 5.0)
"""Between looks of a client that backs off: from the first to the second."""
BACKOFF_FACTOR = 1.5
HOLD_SECONDS = 30.0
"""The longest that the gateway holds an answer, for who polls long."""
LONGEST_RETRY_SECONDS = 60.0


def looks(clients: Clients) -> Iterator[float]:
    """Pauses before the first look, the second …, as the client itself would have them."""
    return _growing() if clients.wait is Wait.BACKOFF else repeat(clients.poll_seconds)


def pause_seconds(own: float, retry_after: float | None, clients: Clients) -> float:
    """No look is sooner than the gateway asked for, where the client listens to that."""
    return max(own, retry_after) if retry_after and clients.honours_retry_after else own


def retry_seconds(attempt: int, retry_after: float | None, clients: Clients, rng: Random) -> float:
    """After the attempt of that number (from 1) has failed: what the gateway asked for, else twice as long each time,
    more or less by half."""
    if retry_after and clients.honours_retry_after:
        return retry_after
    longest = min(LONGEST_RETRY_SECONDS, clients.retry_backoff_seconds * 2.0 ** (attempt - 1))
    return longest * (0.5 + rng.random())


def _growing() -> Iterator[float]:
    pause, longest = BACKOFF_SECONDS
    while True:
        yield pause
        pause = min(longest, pause * BACKOFF_FACTOR)
