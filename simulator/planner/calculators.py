"""The sums of a capacity plan, one by one: workers, queue, TTL, memory. Each answer has its reason, in words."""

import math
from dataclasses import dataclass

from simulator.theory import fluid
from simulator.theory.formulas import mmc_wait_quantile_seconds, mmc_wait_seconds

QUEUED_BYTES = {"echo": 700, "checkout": 1_100}
"""Of Redis, for each queued job, with an Idempotency-Key: docs/operating.md, as measured."""
ENDED_BYTES = {"echo": 1_100, "checkout": 2_400}
"""For each that has ended, as long as its result is kept."""
OTHER_QUEUED_BYTES, OTHER_ENDED_BYTES = 1_700, 3_300
"""Of operations that were not measured: as of an echo of 1,000 characters."""
HEADROOM = 1 / 3
"""For peaks and fragmentation, on top of what data takes."""
WAITED_SHARE = 0.25
"""Of the service time: the mean wait that is borne where nothing else is said."""


class NoPlan(ValueError):
    """No value would do. Says why."""


@dataclass(frozen=True, slots=True)
class Workers:
    workers: int
    load: float
    mean_wait_seconds: float
    p99_wait_seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Places:
    """`piled_up`: what comes above what is served; `useful`: what can be started in time; `places` is the smaller."""

    places: int
    piled_up: int
    useful: int
    enough_per_second: float
    """The capacity with which all of the spike would be served in time."""
    why: str


@dataclass(frozen=True, slots=True)
class Ttl:
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of Redis; `maxmemory` has the headroom."""

    queued: int
    results: int
    maxmemory: int


def minimum_workers(per_second: float, service_seconds: float, mean_wait_seconds: float | None = None) -> Workers:
    """The fewest whose queue is stable and whose mean wait (M/M/c) is at most a quarter of a service, or as given."""
    if mean_wait_seconds is None:
        mean_wait_seconds = WAITED_SHARE * service_seconds
    busy = per_second * service_seconds
    workers = least = math.floor(busy + 1e-9) + 1
    while mmc_wait_seconds(per_second, service_seconds, workers) > mean_wait_seconds:
        workers += 1
    why = f"{per_second:g}/s × {service_seconds:g} s keep {busy:g} workers busy all the time."
    if least - 1 >= busy - 1e-9:
        why += f" With {least - 1} the load is 1: any delay is never made up for, and the queue grows without an end."
    counts = range(least, workers + 2)
    tried = "; ".join(f"{count}: {_ms(mmc_wait_seconds(per_second, service_seconds, count))}" for count in counts)
    return Workers(
        workers,
        busy / workers,
        mmc_wait_seconds(per_second, service_seconds, workers),
        mmc_wait_quantile_seconds(per_second, service_seconds, workers, 0.99),
        f"{why} Mean waits: {tried}. {_ms(mean_wait_seconds)} are borne.",
    )


def queue_for_spike(
    spike_per_second: float, spike_seconds: float, capacity_per_second: float, ttl_seconds: float
) -> Places:
    """Waiting places: min(excess × length, capacity × TTL)."""
    excess = max(0.0, spike_per_second - capacity_per_second)
    piled_up = math.ceil(excess * spike_seconds - 1e-9)
    useful = math.floor(fluid.useful_depth(capacity_per_second, ttl_seconds) + 1e-9)
    enough = spike_per_second * spike_seconds / (spike_seconds + ttl_seconds)
    why = f"{excess:.4g}/s too many for {spike_seconds:g} s pile up to {piled_up:,} jobs."
    if not excess:
        why = f"Nothing piles up: {spike_per_second:.4g}/s come, {capacity_per_second:.4g}/s can be served."
    if piled_up > useful:
        doomed = fluid.first_doomed_seconds(spike_per_second, capacity_per_second, ttl_seconds)
        why += (
            f" But {capacity_per_second:g}/s × {ttl_seconds:g} s are {useful:,}: who comes {doomed:.3g} s after "
            f"the start, or later, would start later than the TTL allows. A deeper queue only stores work that will "
            f"expire; no queue saves the other {piled_up - useful:,}. {enough:.4g}/s of capacity would."
        )
    return Places(min(piled_up, useful), piled_up, useful, enough, why)


def ttl_from_timeout(timeout_seconds: float, p99_rest_seconds: float, retrieval_seconds: float) -> Ttl:
    """The longest wait for a start: the client's time-out, less what follows the start, less how late it looks.

    `p99_rest_seconds`: from the start to the end of the job, of 99 in 100. Raises NoPlan.
    """
    seconds = timeout_seconds - p99_rest_seconds - retrieval_seconds
    parts = f"{timeout_seconds:g} s − {p99_rest_seconds:.3g} s of work (p99) − {retrieval_seconds:.3g} s to be told"
    if seconds <= 0:
        raise NoPlan(
            f"{parts} leaves nothing to wait: clients that give up after {timeout_seconds:g} s would miss the results "
            f"of jobs that never waited"
        )
    return Ttl(seconds, f"{parts}: what starts later ends when its client has gone.")


def memory_of(places: int, ended_per_second: float, result_ttl_seconds: float, operation: str | None = None) -> Memory:
    """Of a full queue, and of results for as long as they are kept."""
    queued = places * QUEUED_BYTES.get(operation or "", OTHER_QUEUED_BYTES)
    results = math.ceil(ended_per_second * result_ttl_seconds) * ENDED_BYTES.get(operation or "", OTHER_ENDED_BYTES)
    return Memory(queued, results, math.ceil((queued + results) * (1 + HEADROOM)))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"
