"""How the calls of a service with a rate are spaced: GCRA, in scripts/lib/supply.lua, by these numbers."""

from math import ceil

BURST_SECONDS = 0.02
"""Where a rate is set: how much of it may start at once, so that a worker need not wake up for each call."""
PACE = 1.03
"""Calls are spaced so much wider than 1/rate that a burst and 10 ms of jitter stay below the rate in any second."""


def interval_us(rate_per_second: float) -> int:
    """From one start to the next; 0 where there is no limit by rate (0)."""
    return ceil(1_000_000 * PACE / rate_per_second) if rate_per_second else 0


def burst_us(interval_us: int) -> int:
    """How much earlier than its turn a call may start."""
    return max(0, round(BURST_SECONDS * 1_000_000) - interval_us) if interval_us else 0
