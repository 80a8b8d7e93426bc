"""From the figures of replications to those of all: means, and how far to trust them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import zip_longest
from operator import attrgetter
from statistics import fmean
from typing import Any

from scenario.model import Slo
from scenario.result import End, Figures, Percentiles, Series, thresholds
from simulator.student import Interval, interval_95

MEASURES: Mapping[str, Callable[[Figures], float | None]] = {
    **{f"shares.{end}": partial(lambda end, figures: figures.shares[end], end.value) for end in End},
    **{
        f"spike.shares.{end}": partial(lambda end, figures: figures.spike.get("shares", {}).get(end), end.value)
        for end in End
    },
    **{
        name: attrgetter(name)
        for name in (
            "peak_depth", "first_rejection_seconds", "first_expiry_seconds", "drain_seconds", "utilisation",
            "goodput_per_second", "accept_seconds.p99", "wait_seconds.mean", "wait_seconds.p50", "wait_seconds.p95",
            "wait_seconds.p99", "result_seconds.mean", "result_seconds.p50", "result_seconds.p95", "result_seconds.p99",
            "told_seconds.p95",
        )
    },
}  # fmt: skip
"""What intervals are given of, by its path in the JSON; None where it did not happen."""

_SLO = {
    "success_share": "shares.succeeded",
    "accept_p99_seconds": "accept_seconds.p99",
    "result_p95_seconds": "result_seconds.p95",
    "drain_seconds": "drain_seconds",
}
"""What a threshold is about."""


def mean_of(replications: Sequence[Figures], slo: Slo) -> Figures:
    """What did not happen in some is of those in which it did."""
    first = replications[0]
    if len(replications) == 1:
        return first
    intervals = intervals_of(replications)
    got = {name: _mean([MEASURES[path](each) for each in replications]) for name, path in _SLO.items()}
    merged = {
        field.name: _merged([getattr(each, field.name) for each in replications])
        for field in fields(Figures)
        if field.name not in ("scenario", "source", "replications", "interval_95", "slo", "series", "load")
    }
    return Figures(
        scenario=first.scenario,
        source=first.source,
        replications=len(replications),
        interval_95=intervals,
        slo=thresholds(slo, got),
        series=_series([each.series for each in replications]),
        **merged,
    )


def intervals_of(replications: Sequence[Figures]) -> dict[str, Interval]:
    """Of each measure that at least two have."""
    found = {}
    for name, measure in MEASURES.items():
        values = [value for each in replications if (value := measure(each)) is not None]
        if len(values) > 1:
            found[name] = interval_95(values)
    return found


def differences(ours: Sequence[Figures], others: Sequence[Figures]) -> dict[str, tuple[float, Interval]]:
    """Of each measure: by how much the others have more, and the interval of that. Both saw the same arrivals and
    service times, replication by replication, so that what chance does to both drops out.
    """
    found = {}
    for name, measure in MEASURES.items():
        pairs = ((measure(one), measure(other)) for one, other in zip(ours, others, strict=True))
        more = [other - one for one, other in pairs if one is not None and other is not None]
        if len(more) > 1:
            found[name] = (fmean(more), interval_95(more))
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _merged(values: Sequence[Any]) -> Any:
    """Means of numbers, member by member of what has some; what is not known in some is of the others."""
    some = next((value for value in values if value is not None), None)
    if isinstance(some, Percentiles):
        return Percentiles(*(fmean(getattr(each, f.name) for each in values) for f in fields(Percentiles)))
    if isinstance(some, Mapping):
        names = dict.fromkeys(name for each in values for name in each)
        return {name: _merged(_of_each(name, values)) for name in names}
    if isinstance(some, list):  # of (share, value)
        known = [each for each in values if each is not None]
        shares = [share for share, _ in min(known, key=len)]
        return [(share, fmean(dict(each)[share] for each in known)) for share in shares]
    return _mean(values)


def _of_each(name: str, members: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What one has not, it counts as 0; percentiles that it has not are not known of it."""
    some = next(each[name] for each in members if name in each)
    missing = None if isinstance(some, list) else 0
    return [each.get(name, missing) for each in members]


def _series(several: Sequence[Series]) -> Series:
    """As long as the longest: in the others nothing happens any more."""
    longest = max(several, key=lambda each: len(each.seconds))
    columns = (field.name for field in fields(Series) if field.name != "seconds")
    means = {
        name: [fmean(at) for at in zip_longest(*(getattr(each, name) for each in several), fillvalue=0.0)]
        for name in columns
    }
    return Series(seconds=longest.seconds, **means)
