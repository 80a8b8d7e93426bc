"""What came of a scenario, simulated or driven, in one shape: so that the two can be laid on one another."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import ceil, isnan, nan
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scenario.model import Slo

TAIL = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999)
BEYOND = 10
"""What fewer values lie beyond is chance."""


class Source(StrEnum):
    SIMULATION = "simulation"
    LOAD = "load"


class End(StrEnum):
    """How it ended for whoever asked. Exclusive; every request has one."""

    SUCCEEDED = "succeeded"
    """Partial results too."""
    EXPIRED = "expired"
    """Accepted, and told that it could not be done in time."""
    REJECTED = "rejected"
    """At the door, and no attempt left."""
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    """The client gave up before the job ended."""
    LOST = "lost"
    """Accepted, and no terminal state: must be 0."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """In seconds; `mean` too."""

    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """Per second of the run: `depth` (places booked at the bottleneck) and `oldest_age` at its end, else counts.

    What is not known is nan; null in JSON, which has no other word for it.
    """

    seconds: list[float] = field(default_factory=list)
    depth: list[float] = field(default_factory=list)
    oldest_age: list[float] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    expired: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of the scenario's [slo]. `got` is None where there was nothing to measure: not met."""

    name: str
    wanted: float
    got: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares are of what was offered; `first_rejection_seconds` and `first_expiry_seconds` count from the start of the
    first spike (of the run, where there is none), `drain_seconds` from the end of the last until the bottleneck's queue
    is empty; None where it did not happen.
    """

    scenario: str
    source: Source
    replications: int
    offered: float
    accepted: float
    attempts: float
    """Requests sent, repetitions included."""
    shares: Mapping[str, float]
    rejected_by_reason: Mapping[str, float]
    """Of attempts, counted."""
    peak_depth: float
    first_rejection_seconds: float | None
    first_expiry_seconds: float | None
    drain_seconds: float | None
    utilisation: float
    goodput_per_second: float
    """Succeeded in time, over the time in which requests were sent."""
    accept_seconds: Percentiles
    wait_seconds: Percentiles
    result_seconds: Percentiles
    """From the intended time of sending to the end of the job, of what succeeded."""
    told_seconds: Percentiles
    """To when the client knew of it."""
    spike: Mapping[str, Any]
    """`shares` of what was sent within spikes."""
    by_priority: Mapping[str, Any]
    """`offered`, `shares`, `wait_seconds`, `result_seconds` of each."""
    interval_95: Mapping[str, tuple[float, float]]
    """Of what is named, over replications."""
    slo: Sequence[Threshold]
    series: Series
    polls_per_second: float = 0.0
    """Looks of clients that wait, over the time in which requests were sent."""
    load: Mapping[str, Any] | None = None
    """What only a load run knows: `valid`, lag and rates of the sender, duplicate effects."""
    percentile_points: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Of `accept_seconds`, `wait_seconds`, …: (share, seconds that it does not exceed), far into the tail."""

    @property
    def met(self) -> bool:
        return all(threshold.met for threshold in self.slo)

    def to_json(self) -> dict[str, Any]:
        document = asdict(self)
        document["series"] = {name: _told(values) for name, values in document["series"].items()}
        if document["load"] is None:
            del document["load"]
        return document


_FIGURES = TypeAdapter(Figures)
_PERCENTILES = TypeAdapter(Percentiles)


def figures_from_json(text: str) -> Figures:
    """Raises ValueError, in words, where it is none."""
    try:
        document = json.loads(text, parse_constant=_refuse)
        document["by_priority"] = {name: _priority(each) for name, each in document["by_priority"].items()}
        document["series"] = {name: _read(values) for name, values in document["series"].items()}
        figures = _FIGURES.validate_python(document)
        _has_every_end(figures.shares)
        return figures
    except ValidationError as error:
        first = error.errors()[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        said = str(error)
    raise ValueError(f"no result of bff load or bff simulate: {said}")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _has_every_end(shares: Mapping[str, float]) -> None:
    if missing := [end.value for end in End if end.value not in shares]:
        raise ValueError(f"there is no share of {missing[0]}")


def _told(values: Sequence[float]) -> list[float | None]:
    return [None if isnan(value) else value for value in values]


def _read(values: Sequence[float | None]) -> list[float]:
    return [nan if value is None else value for value in values]


def _priority(document: Mapping[str, Any]) -> dict[str, Any]:
    _has_every_end(document["shares"])
    times = {name: _PERCENTILES.validate_python(document[name]) for name in ("wait_seconds", "result_seconds")}
    return {**document, **times}


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them does not exceed (nearest rank); 0 of none."""
    return ascending[max(0, ceil(share * len(ascending)) - 1)] if ascending else 0.0


def percentiles(values: Sequence[float]) -> Percentiles:
    if not values:
        return Percentiles()
    ordered = sorted(values)
    mean = sum(ordered) / len(ordered)
    return Percentiles(mean, *(percentile(ordered, share) for share in (0.5, 0.95, 0.99)))


def percentile_points(values: Sequence[float]) -> list[tuple[float, float]]:
    """(share, value), as far into the tail as there are ten values beyond; and the greatest, as 1."""
    ordered = sorted(values)
    far = [share for share in TAIL if round((1 - share) * len(ordered), 6) >= BEYOND]
    return [(share, percentile(ordered, share)) for share in (*far, 1.0)] if ordered else []


def shares_of(counts: Mapping[End, float]) -> dict[str, float]:
    """Of their sum; all 0 of nothing."""
    total = sum(counts.values())
    return {end.value: counts.get(end, 0) / total if total else 0.0 for end in End}


def thresholds(slo: Slo, figures: Mapping[str, float | None]) -> list[Threshold]:
    """`figures` has each threshold's name; a share is to be reached, seconds are not to be exceeded."""
    return list(_thresholds(slo, figures))


def _thresholds(slo: Slo, figures: Mapping[str, float | None]) -> Iterator[Threshold]:
    for name, wanted in slo:
        if wanted is None:
            continue
        got = figures[name]
        met = got is not None and (got >= wanted if name.endswith("_share") else got <= wanted)
        yield Threshold(name, wanted, got, met)
