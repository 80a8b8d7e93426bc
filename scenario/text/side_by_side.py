"""Runs of one scenario beside each other, on a page of text: both patterns, or one run and an earlier one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scenario.result import End, Figures, Percentiles
from scenario.text.summary import count, duration, percent, word

NAME = 26
CELL = 14

Read = Callable[[Figures], str]


def side_by_side(runs: Mapping[str, Figures], title: str) -> str:
    """By what each is called. What makes one of them worthless stands first."""
    sections = (_invalid(runs), [title], _table(runs, _ENDS), _table(runs, _LATENCIES), _table(runs, _SYSTEM))
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section))) + "\n"


def _invalid(runs: Mapping[str, Figures]) -> Iterator[str]:
    for name, figures in runs.items():
        load = figures.load or {}
        if not load.get("valid", True):
            yield f"INVALID: {name}: {'; '.join(load.get('reasons', ())) or 'the load tester could not keep up'}"


def _table(runs: Mapping[str, Figures], rows: Mapping[str, Read]) -> Iterator[str]:
    cells = {row: [read(figures) for figures in runs.values()] for row, read in rows.items()}
    width = max([CELL, *(len(name) + 2 for name in runs)])
    yield f"  {'':<{NAME}}" + "".join(f"{name:>{width}}" for name in runs)
    for row, values in cells.items():
        if any(value != "-" for value in values):
            yield f"  {row:<{NAME}}" + "".join(f"{value:>{width}}" for value in values)


def _share(end: End) -> Read:
    return lambda figures: percent(figures.shares[end])


def _time(which: str, quantile: str) -> Read:
    def read(figures: Figures) -> str:
        values: Percentiles = getattr(figures, f"{which}_seconds")
        return duration(getattr(values, quantile)) if values != Percentiles() else "-"

    return read


def _metric(name: str) -> Callable[[Figures], Any]:
    return lambda figures: (figures.load or {}).get("metrics", {}).get(name)


def _held(figures: Figures) -> str:
    held = _metric("peak_held")(figures)
    return "-" if held is None else count(held)


def _cores(role: str) -> Read:
    def read(figures: Figures) -> str:
        cores = (_metric("cores")(figures) or {}).get(role)
        return "-" if cores is None else f"{cores:.2f}"

    return read


def _met(figures: Figures) -> str:
    return f"{sum(each.met for each in figures.slo)} of {len(figures.slo)}" if figures.slo else "-"


_ENDS: Mapping[str, Read] = {
    "requests": lambda figures: count(figures.offered),
    **{word(end): _share(end) for end in End},
    "goodput": lambda figures: f"{figures.goodput_per_second:,.1f}/s",
    "thresholds met": _met,
}
_LATENCIES: Mapping[str, Read] = {
    "answered, p50": _time("accept", "p50"),
    "answered, p99": _time("accept", "p99"),
    "result, p50": _time("result", "p50"),
    "result, p95": _time("result", "p95"),
    "client knew, p50": _time("told", "p50"),
    "client knew, p95": _time("told", "p95"),
}
_SYSTEM: Mapping[str, Read] = {
    "peak of jobs held": _held,
    "peak depth of the queue": lambda figures: count(figures.peak_depth) if figures.peak_depth else "-",
    "empty after the last spike": lambda figures: duration(figures.drain_seconds if figures.peak_depth else None),
    "slots busy": lambda figures: f"{figures.utilisation:.0%}",
    "cores, gateways": _cores("gateways"),
    "cores, workers": _cores("workers"),
}
