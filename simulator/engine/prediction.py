"""What bff.policies.admission.admit says of a chain of calls to services that are all well, and a tenth of its time.

It is asked for each arrival. A property test holds the two to the same verdicts.
"""

from collections.abc import Sequence

from bff.policies.admission import CAME_WITHIN_MS, HOP_MS, SHED_ABOVE_PER_MILLE, START_MARGIN_MS, WEIGHTS, Verdict
from simulator.engine.plan import PRIORITIES, OperationPlan
from simulator.engine.station import Station

ALL_WEIGHTS = sum(WEIGHTS.values())


def predicted(
    now: float, stations: Sequence[Station], operation: OperationPlan, priority: int
) -> tuple[Verdict, int] | None:
    """Why it is turned away, and in how many ms that would be different; None: it is let in."""
    weight, shed_above = WEIGHTS[PRIORITIES[priority]], SHED_ABOVE_PER_MILLE[PRIORITIES[priority]]
    slow_ms = [-(-stations[call.service].slow_us(now) // 1000) for call in operation.calls]
    # The rest of the path, each call a slow one, leaves ever more time the further it is.
    latest = operation.timeout_ms - START_MARGIN_MS - sum(slow_ms) - HOP_MS * (len(slow_ms) - 1)
    begins = 0
    for call, slow in zip(operation.calls, slow_ms, strict=True):
        station = stations[call.service]
        booked, spacing_us = station.booked, station.spacing_us
        waiting, total = booked[priority], sum(booked)
        if waiting >= station.bounds[priority]:
            return Verdict.QUEUE_FULL, -(-(waiting - station.bounds[priority] + 1) * spacing_us // 1000)
        threshold = station.service.capacity * shed_above
        if total * 1000 >= threshold:
            return Verdict.SHEDDING, -(-(total - threshold // 1000 + 1) * spacing_us // 1000)
        ahead = station.lanes.begun_before - (-waiting * ALL_WEIGHTS // weight)
        taken_per_mille = station.others(now, priority) * spacing_us // CAME_WITHIN_MS
        if taken_per_mille < 1000:
            ahead = min(ahead, total * 1000 // (1000 - taken_per_mille))
        start = max(begins, ahead * spacing_us // 1000)
        longest_ms = station.longest_ms[priority]
        by = min(latest, begins + longest_ms) if longest_ms else latest
        if start > by:
            return Verdict.DEADLINE_UNATTAINABLE, start - by
        begins = start - (-station.service_us // 1000)
        latest += HOP_MS + slow
    return None
