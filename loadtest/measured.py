"""From the record of a run to its figures."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf, nan
from typing import Any

from bff.policies.admission import Admission
from loadtest.depth import Depth, depth_of, emptied
from loadtest.progress import Truth
from loadtest.record import Record
from loadtest.saturation import Sender
from loadtest.slots import spells
from scenario.model import Pattern
from scenario.result import End, Figures, Series, Source, percentile
from scenario.stage import Stage
from scenario.tally import Run, figures, per_second


def measured(stage: Stage, record: Record, truth: Truth | None, load: dict[str, Any]) -> Figures:
    """`load` is what only a load run knows; `truth`, where there is one, goes before what clients can tell."""
    run = replace(_run(stage, record, truth), polls=load.get("looks", 0))
    extra = dict(truth.extra) if truth else {}
    return replace(figures(stage.scenario, Source.LOAD, record.requests, run), load={**load, **extra})


def sender_of(record: Record, seconds: float, last_sent_at: float, busy_seconds: float) -> Sender:
    """`seconds`: for which requests were to be sent."""
    lags, took = sorted(record.lag), max(seconds, last_sent_at)
    return Sender(
        offered_per_second=len(lags) / seconds,
        achieved_per_second=len(lags) / took,
        lag_p50_seconds=percentile(lags, 0.5),
        lag_p95_seconds=percentile(lags, 0.95),
        lag_p99_seconds=percentile(lags, 0.99),
        lag_max_seconds=lags[-1] if lags else 0.0,
        busy_share=busy_seconds / took,
    )


def _run(stage: Stage, record: Record, truth: Truth | None) -> Run:
    bottleneck, sending = stage.bottleneck.service, stage.scenario.traffic.duration_seconds
    spikes = stage.scenario.traffic.spike_spells()
    last = spikes[-1][1] if spikes else None
    seconds = ceil(max(sending, _last(record)))
    if truth is None:
        queue = depth_of(record.booked_at, record.started_at, seconds, last)
        utilisation = min(1.0, sum(record.busy_for) / (bottleneck.max_concurrency * sending))
    else:
        seconds = max(seconds, len(truth.depth))
        queue, utilisation = _exactly(stage, record, _seen(truth, seconds, last), last), truth.utilisation
    return Run(
        attempts=record.attempts,
        accepted=record.accepted,
        rejected_by_reason=record.rejected_by_reason,
        peak_depth=queue.peak,
        first_rejection_at=min(record.rejected_at, default=None),
        first_expiry_at=min(record.ended_at[End.EXPIRED], default=None),
        emptied_at=queue.emptied_at,
        utilisation=utilisation,
        series=_series(record, queue, seconds),
    )


def _series(record: Record, queue: Depth, seconds: int) -> Series:
    return Series(
        seconds=[float(second) for second in range(seconds)],
        depth=queue.depth,
        oldest_age=queue.oldest_age,
        arrived=per_second(record.requests.at, seconds),
        accepted=per_second(record.accepted_at, seconds),
        served=per_second(record.ended_at[End.SUCCEEDED], seconds),
        expired=per_second(record.ended_at[End.EXPIRED], seconds),
        rejected=per_second(record.rejected_at, seconds),
    )


def _seen(truth: Truth, seconds: int, after: float | None) -> Depth:
    empty = (at for at, depth in truth.depths if after is not None and at >= after and not depth)
    return Depth(
        peak=int(max((depth for _, depth in truth.depths), default=0)),
        depth=_padded(truth.depth, seconds),
        oldest_age=_padded(truth.oldest_age, seconds),
        emptied_at=next(empty, None),
    )


def _exactly(stage: Stage, record: Record, seen: Depth, after: float | None) -> Depth:
    """Jobs tell to the millisecond, between two readings too, when places were taken and slots waited for: where all of
    them are known, and slots alone were waited for.
    """
    service = stage.bottleneck.service
    if not record.is_whole or service.rate_per_second or stage.scenario.pattern is Pattern.SYNC:
        return seen
    peak = min(depth_of(record.booked_at, record.started_at, len(seen.depth), None).peak, _room(stage))
    waits = spells(record, service.max_concurrency)
    return replace(seen, peak=int(max(seen.peak, peak)), emptied_at=None if after is None else emptied(waits, after))


def _room(stage: Stage) -> float:
    """Places that may be taken: clients learn too late of those that are given back to count them exactly."""
    service, scenario = stage.bottleneck.service, stage.scenario
    if scenario.queue.admission is Admission.NONE:
        return inf
    return sum(service.bounds[priority] for priority in scenario.traffic.priorities)


def _padded(values: Sequence[float], length: int) -> list[float]:
    return [*values, *[nan] * (length - len(values))]


def _last(record: Record) -> float:
    columns = (record.accepted_at, record.rejected_at, *record.ended_at.values())
    return max((max(column, default=0.0) for column in columns), default=0.0)
