"""A client's own quota: how much of the gateway one client may have, whatever the services can carry."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`requests` accepted at once, and as many per `window_seconds` from then on, evenly; and `max_in_flight` jobs that
    have not ended. 0: no such bound.
    """

    requests: int = 0
    window_seconds: int = 60
    max_in_flight: int = 0

    @property
    def interval_us(self) -> int:
        """Between two jobs, at the pace that the quota allows for ever; 0 without one."""
        return ceil(self.window_seconds * 1_000_000 / self.requests) if self.requests else 0

    @property
    def window_us(self) -> int:
        return self.interval_us * self.requests


@dataclass(frozen=True, slots=True)
class Usage:
    """`remaining` jobs could be accepted now; in `reset_seconds` the whole quota would be there again."""

    quota: Quota
    used_us: int

    @property
    def remaining(self) -> int:
        return (self.quota.window_us - self.used_us) // self.quota.interval_us

    @property
    def reset_seconds(self) -> int:
        return ceil(self.used_us / 1_000_000)


UNLIMITED = Quota()
