"""From what became of each request to the figures of a run, simulated or driven: the same arithmetic for both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

from scenario.model import Scenario
from scenario.result import (
    End,
    Figures,
    Percentiles,
    Series,
    Source,
    percentile_points,
    percentiles,
    shares_of,
    thresholds,
)


@dataclass(frozen=True, slots=True)
class Requests:
    """One row per arrival, whatever it tried: columns, since there are many. Times in seconds; nan where there is none.

    `at`: intended time of sending, from the start of the run. `part`: of the mix. From the last attempt: `accept` from
    the intended time to the answer; `wait` from being queued at the bottleneck to its start there; `result` from the
    intended time to the end of the job, and `told` to when the client knew, both of what succeeded.
    """

    at: list[float] = field(default_factory=list)
    part: list[int] = field(default_factory=list)
    end: list[End] = field(default_factory=list)
    accept: list[float] = field(default_factory=list)
    wait: list[float] = field(default_factory=list)
    result: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def add(
        self,
        at: float,
        part: int,
        end: End,
        *,
        accept: float = nan,
        wait: float = nan,
        result: float = nan,
        told: float = nan,
    ) -> None:
        columns = (self.at, self.part, self.end, self.accept, self.wait, self.result, self.told)
        for column, value in zip(columns, (at, part, end, accept, wait, result, told), strict=True):
            column.append(value)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is known of a run beside its requests. Times in seconds from its start; None: it did not happen."""

    attempts: int
    accepted: int
    rejected_by_reason: Mapping[str, int]
    peak_depth: int
    first_rejection_at: float | None
    first_expiry_at: float | None
    emptied_at: float | None
    """When the bottleneck's queue was first empty after the last spike."""
    utilisation: float
    """Busy slots of the bottleneck, of all, on average over the time in which requests were sent."""
    series: Series
    polls: int = 0
    """Looks of clients that wait."""


def figures(scenario: Scenario, source: Source, requests: Requests, run: Run) -> Figures:
    """Of one run; what was sent in its warm-up is left out."""
    warm = scenario.traffic.warmup_seconds
    counted = [index for index, at in enumerate(requests.at) if at >= warm]
    spikes = scenario.traffic.spike_spells()
    within = [index for index in counted if any(start <= requests.at[index] < stop for start, stop in spikes)]
    counts = Counter(requests.end[index] for index in counted)
    accept = _of(requests.accept, counted)
    result = _of(requests.result, counted)
    sending_seconds = scenario.traffic.duration_seconds - warm
    first = spikes[0][0] if spikes else 0.0
    last = spikes[-1][1] if spikes else None
    shares = shares_of(counts)
    drain = None if last is None or run.emptied_at is None else max(0.0, run.emptied_at - last)
    got = {
        "success_share": shares[End.SUCCEEDED] if counted else None,
        "accept_p99_seconds": accept.p99 if accept else None,
        "result_p95_seconds": result.p95 if result else None,
        "drain_seconds": drain,
    }
    return Figures(
        scenario=scenario.name,
        source=source,
        replications=1,
        offered=len(counted),
        accepted=run.accepted,
        attempts=run.attempts,
        shares=shares,
        rejected_by_reason=dict(run.rejected_by_reason),
        peak_depth=run.peak_depth,
        first_rejection_seconds=_after(run.first_rejection_at, first),
        first_expiry_seconds=_after(run.first_expiry_at, first),
        drain_seconds=drain,
        utilisation=run.utilisation,
        goodput_per_second=counts[End.SUCCEEDED] / sending_seconds,
        accept_seconds=accept or Percentiles(),
        wait_seconds=_of(requests.wait, counted) or Percentiles(),
        result_seconds=result or Percentiles(),
        told_seconds=_of(requests.told, counted) or Percentiles(),
        spike={"shares": shares_of(Counter(requests.end[index] for index in within))} if spikes else {},
        by_priority=_by_priority(scenario, requests, counted),
        interval_95={},
        slo=thresholds(scenario.slo, got),
        series=run.series,
        polls_per_second=run.polls / sending_seconds,
        percentile_points=_points(requests, counted),
    )


def per_second(instants: Sequence[float], seconds: int) -> list[float]:
    """How many fell into each second from 0 on; what is later counts into the last."""
    counts = [0.0] * seconds
    for at in instants:
        counts[min(seconds - 1, int(at))] += 1
    return counts


def _by_priority(scenario: Scenario, requests: Requests, counted: Sequence[int]) -> dict[str, Any]:
    priorities = [part.priority for part in scenario.traffic.mix]
    found: dict[str, Any] = {}
    for priority in sorted(set(priorities), key=list(type(priorities[0])).index):
        rows = [index for index in counted if priorities[requests.part[index]] is priority]
        found[priority.value] = {
            "offered": len(rows),
            "shares": shares_of(Counter(requests.end[index] for index in rows)),
            "wait_seconds": _of(requests.wait, rows) or Percentiles(),
            "result_seconds": _of(requests.result, rows) or Percentiles(),
        }
    return found


def _points(requests: Requests, rows: Sequence[int]) -> dict[str, list[tuple[float, float]]]:
    columns = {
        "accept_seconds": requests.accept,
        "wait_seconds": requests.wait,
        "result_seconds": requests.result,
        "told_seconds": requests.told,
    }
    measured = {name: [column[i] for i in rows if not isnan(column[i])] for name, column in columns.items()}
    return {name: percentile_points(values) for name, values in measured.items() if values}


def _of(column: Sequence[float], rows: Sequence[int]) -> Percentiles | None:
    values = [column[index] for index in rows if not isnan(column[index])]
    return percentiles(values) if values else None


def _after(at: float | None, start: float) -> float | None:
    return None if at is None else at - start
