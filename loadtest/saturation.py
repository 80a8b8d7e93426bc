"""Whether it was the load tester that could not keep up: then what was measured says nothing of the stack."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_LAG_P99_SECONDS = 0.05
"""A clock's tick, a garbage collection and a switch of tasks take a tenth of it."""
MIN_ACHIEVED_SHARE = 0.99
MAX_BUSY_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Sender:
    """How it did over the time in which requests were sent; its warm-up counts.

    `lag` of a request is how much later than intended it was begun. `busy_share`: of one core, used by this process.
    """

    offered_per_second: float
    achieved_per_second: float
    lag_p50_seconds: float
    lag_p95_seconds: float
    lag_p99_seconds: float
    lag_max_seconds: float
    busy_share: float


def saturated(sender: Sender) -> list[str]:
    """Why the run is invalid; nothing where the sender kept up."""
    return list(_reasons(sender))


def _reasons(sender: Sender) -> Iterator[str]:
    if sender.lag_p99_seconds > MAX_LAG_P99_SECONDS:
        yield (
            f"one request in a hundred was sent {sender.lag_p99_seconds * 1000:,.0f} ms late or more "
            f"(allowed: {MAX_LAG_P99_SECONDS * 1000:.0f} ms)"
        )
    if sender.achieved_per_second < MIN_ACHIEVED_SHARE * sender.offered_per_second:
        yield (
            f"{sender.achieved_per_second:.1f} requests a second were sent of {sender.offered_per_second:.1f} "
            f"(at least: {MIN_ACHIEVED_SHARE:.0%})"
        )
    if sender.busy_share > MAX_BUSY_SHARE:
        yield (
            f"the load tester kept its core busy for {sender.busy_share:.0%} of the time "
            f"(allowed: {MAX_BUSY_SHARE:.0%}): latencies are its own"
        )
