"""How long to wait for what, in seconds."""

import asyncio
import random
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Patience:
    """When a client takes an answer for lost. Each is at most a share of what is left of the caller's own time."""

    answer_seconds: float = 10
    """For a request that the gateway does not hold."""
    trial_seconds: float = 4
    """Until a WebSocket or an event stream has come about and said its first word."""
    silence_seconds: float = 20
    """Until one that has worked is taken for dead. Heartbeats come every 15 s (events); a socket is pinged by us."""
    hold_seconds: float = 20
    """How long the gateway is asked to hold a long poll. Many proxies end what was silent for 30 s."""
    margin_seconds: float = 5
    """By how much we wait longer than the gateway holds."""
    rest_seconds: float = 60
    """How long a channel that failed is left alone."""
    unreachable_seconds: float = 60
    """How long a wait goes on while no channel brings anything."""


class Deadline:
    """The caller's own, for all that one call of theirs does. None: no end."""

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a timeout is more than 0 s, not {seconds}")
        self.at = None if seconds is None else asyncio.get_running_loop().time() + seconds

    @property
    def left(self) -> float:
        """Seconds; infinite where there is no end."""
        return inf if self.at is None else max(0.0, self.at - asyncio.get_running_loop().time())

    def share(self, seconds: float, part: float) -> float:
        """So many seconds, but no more than this part of what is left."""
        return min(seconds, self.left * part)


def request_timeout(left: float) -> float:
    """What the gateway is told, so that its verdict on a job that came too late still comes in time."""
    return max(0.001, left - min(1.0, left * 0.1))


def pause_seconds(attempt: int, retry_after: float | None, longest: float = 10.0) -> float:
    """Before the next attempt: what the gateway asked for and up to a quarter more, else full jitter, doubling."""
    if retry_after is not None:
        return retry_after * random.uniform(1, 1.25)  # noqa: S311  no secret
    return random.uniform(0.05, min(longest, 0.5 * 2 ** min(attempt, 10)))  # noqa: S311
