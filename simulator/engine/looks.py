"""When clients look whether their job has ended, and so when they know."""

from bisect import bisect_left
from math import ceil

from bff.policies.polling import poll_after_seconds
from scenario.model import Clients, Wait
from scenario.patience import HOLD_SECONDS, looks, pause_seconds


class Looks:
    """After an answer that accepts, in seconds: at each of `_after`, the last one when the client gives up."""

    __slots__ = ("_after", "_asks", "_held", "_timeout")

    def __init__(self, clients: Clients) -> None:
        self._asks = clients.wait in (Wait.POLL, Wait.BACKOFF)
        self._held = clients.wait is Wait.LONG_POLL
        self._timeout = clients.timeout_seconds
        self._after = _looks(clients) if self._asks else []

    def told(self, seconds: float) -> float:
        """After an answer that accepts, of what ended so long after it."""
        if not self._asks:
            return seconds
        number = bisect_left(self._after, seconds)
        return self._after[number] if number < len(self._after) else seconds

    def polls(self, seconds: float) -> int:
        """Requests to the gateway until it was told, or gave up."""
        within = min(seconds, self._timeout)
        if self._asks:
            return min(len(self._after), bisect_left(self._after, within) + 1)
        return max(1, ceil(within / HOLD_SECONDS)) if self._held else 0


def _looks(clients: Clients) -> list[float]:
    instants, at = [], 0.0
    for own in looks(clients):
        at = min(clients.timeout_seconds, at + pause_seconds(own, ceil(poll_after_seconds(at, 0.0)), clients))
        instants.append(at)
        if at >= clients.timeout_seconds:
            break
    return instants
