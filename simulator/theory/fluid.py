"""A spike as a fluid: what comes and what is served flows evenly. True to a per cent where hundreds come a second.

`spike_per_second` is all that comes during the spike, λs, `base_per_second` before and after it, λb (1/s);
`capacity_per_second` what can be served, C; `ttl_seconds` the longest wait for a start, τ; `places` the waiting places,
K. Seconds count from the spike's start. math.inf: it never happens.
"""

import math


def useful_depth(capacity_per_second: float, ttl_seconds: float) -> float:
    """C τ (jobs): who stands behind so many is started too late. A deeper queue only stores work that will expire."""
    return capacity_per_second * ttl_seconds


def places_needed(
    spike_per_second: float, spike_seconds: float, capacity_per_second: float, ttl_seconds: float
) -> float:
    """min((λs − C) T, C τ) (jobs): what piles up, but no more than can be started in time."""
    piled_up = max(0.0, spike_per_second - capacity_per_second) * spike_seconds
    return min(piled_up, useful_depth(capacity_per_second, ttl_seconds))


def seconds_to_depth(depth: float, spike_per_second: float, capacity_per_second: float) -> float:
    """Until so many wait: to K the first rejection."""
    excess = spike_per_second - capacity_per_second
    return depth / excess if excess > 0 else math.inf


def first_doomed_seconds(spike_per_second: float, capacity_per_second: float, ttl_seconds: float) -> float:
    """τ C / (λs − C): the arrival that finds a wait as long as the TTL."""
    return seconds_to_depth(useful_depth(capacity_per_second, ttl_seconds), spike_per_second, capacity_per_second)


def first_expiry_seconds(spike_per_second: float, capacity_per_second: float, ttl_seconds: float) -> float:
    """When the first doomed arrival's TTL is over."""
    return first_doomed_seconds(spike_per_second, capacity_per_second, ttl_seconds) + ttl_seconds


def drain_seconds(depth: float, base_per_second: float, capacity_per_second: float) -> float:
    """From the end of the spike until nobody waits, of `depth` jobs that are all done."""
    spare = capacity_per_second - base_per_second
    return depth / spare if spare > 0 else math.inf


def longest_drain_seconds(base_per_second: float, capacity_per_second: float, ttl_seconds: float) -> float:
    """τ / (1 − λb / C): whatever waits, no more than C τ of it is ever done."""
    return drain_seconds(useful_depth(capacity_per_second, ttl_seconds), base_per_second, capacity_per_second)


def rate_absorbed(spike_seconds: float, capacity_per_second: float, ttl_seconds: float, places: float) -> float:
    """C + min(K, C τ) / T (1/s): the highest λs of so long a spike of which nothing is lost."""
    return capacity_per_second + min(places, useful_depth(capacity_per_second, ttl_seconds)) / spike_seconds


def seconds_absorbed(spike_per_second: float, capacity_per_second: float, ttl_seconds: float, places: float) -> float:
    """min(K, C τ) / (λs − C): the longest spike of this rate of which nothing is lost."""
    depth = min(places, useful_depth(capacity_per_second, ttl_seconds))
    return seconds_to_depth(depth, spike_per_second, capacity_per_second)


def served_share(
    spike_per_second: float, spike_seconds: float, capacity_per_second: float, ttl_seconds: float, places: float
) -> float:
    """Of the spike's arrivals: what is served while it lasts, and what then still waits in time."""
    depth = min(places, useful_depth(capacity_per_second, ttl_seconds))
    return min(1.0, (capacity_per_second * spike_seconds + depth) / (spike_per_second * spike_seconds))
