"""Latencies as HdrHistogram interval logs: what other tools read, with no loss at the far end."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import isnan
from pathlib import Path
from typing import Any

from loadtest.record import Record

INTERVAL_SECONDS = 1
NANOSECONDS = 1_000_000_000
LONGEST_SECONDS = 86_400
DIGITS = 3


class NoHdrHistogram(Exception):
    """One line: what to install."""


def require_hdrhistogram() -> Any:
    """Its class of histograms. Raises NoHdrHistogram."""
    try:
        from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
    except ImportError:
        raise NoHdrHistogram("--hdr needs hdrhistogram: pip install 'async-bff-gateway[load]'") from None
    return HdrHistogram


def write_logs(record: Record, directory: Path) -> None:
    """accept.hlog, result.hlog, told.hlog, wait.hlog, lag.hlog: a histogram in ns for each second of arrivals."""
    directory.mkdir(parents=True, exist_ok=True)
    requests = record.requests
    columns = {
        "accept": zip(requests.at, requests.accept, strict=True),
        "wait": zip(requests.at, requests.wait, strict=True),
        "result": zip(requests.at, requests.result, strict=True),
        "told": zip(requests.at, requests.told, strict=True),
        "lag": zip(record.sent_at, record.lag, strict=True),
    }
    for name, column in columns.items():
        (directory / f"{name}.hlog").write_text("".join(_lines(name, column)), encoding="ascii")


def _lines(name: str, column: Iterable[tuple[float, float]]) -> Iterator[str]:
    """Of the format's version 1.2, as its reference implementations write it."""
    yield f"#[{name}: nanoseconds; timestamps: seconds from the start of the run]\n"
    yield "#[Histogram log format version 1.2]\n"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    known = sorted((int(at // INTERVAL_SECONDS), value) for at, value in column if not isnan(value))
    for second, values in groupby(known, key=lambda each: each[0]):
        yield _line(second * INTERVAL_SECONDS, [value for _, value in values])


def _line(start: int, seconds: Sequence[float]) -> str:
    histogram = require_hdrhistogram()(1, LONGEST_SECONDS * NANOSECONDS, DIGITS)
    for value in seconds:
        histogram.record_value(max(1, round(value * NANOSECONDS)))
    longest = histogram.get_max_value() / 1_000_000
    return f"{start:.3f},{INTERVAL_SECONDS:.3f},{longest:.3f},{histogram.encode().decode()}\n"
