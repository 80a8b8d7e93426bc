"""What happened, read from an access log (CSV) or from what a load run wrote of its requests (NDJSON)."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TIMES = ("timestamp", "time", "at", "ts", "date")
DURATIONS = ("duration_seconds", "service_seconds", "duration_ms", "duration_us", "duration", "request_time", "elapsed")
UNITS: Mapping[str, float] = {"_ms": 1e-3, "_us": 1e-6}
"""What a column that ends so counts in, in seconds."""
STATUSES = ("status", "status_code", "code")


class LogError(Exception):
    """A log that cannot be read: names the file, the line, and what is needed there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request: when it came (s, from any origin), how long it took (s; None: not known), and whether it went well."""

    at: float
    seconds: float | None
    well: bool


def read_log(file: Path, time_column: str | None = None, duration_column: str | None = None) -> list[Seen]:
    """In order of time. Raises LogError."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = _ndjson(lines) if file.suffix in (".ndjson", ".jsonl") else csv.DictReader(lines)
            seen = list(_seen(rows, str(file), time_column, duration_column))
    except OSError as error:
        raise LogError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise LogError(f"{file}: {error}") from None
    if len(seen) < 2:
        raise LogError(f"{file}: {len(seen)} requests in it; at least two are needed")
    return sorted(seen, key=lambda each: each.at)


def _ndjson(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise json.JSONDecodeError("no JSON object", line, 0)
        yield row


def _seen(rows: Any, file: str, time_column: str | None, duration_column: str | None) -> Iterator[Seen]:
    for number, row in enumerate(rows, start=1):
        time = _column(row, TIMES, time_column, file, "a time (ISO 8601, or Unix seconds or ms)")
        duration = _column(row, DURATIONS, duration_column, file, "a duration, such as duration_ms")
        where = f"{file}, request {number}"
        seconds = _seconds(row[duration], UNITS.get(duration[-3:], 1.0), f"{where}: {duration}")
        yield Seen(_instant(row[time], f"{where}: {time}"), seconds, _went_well(row))


def _column(row: Mapping[str, Any], usual: tuple[str, ...], asked: str | None, file: str, what: str) -> str:
    for name in (asked,) if asked else usual:
        if name in row:
            return name
    wanted = f"column {asked}" if asked else f"column {', '.join(usual[:-1])} or {usual[-1]}"
    raise LogError(f"{file}: no {wanted}, for {what}; there are: {', '.join(map(str, row))}")


def _instant(value: Any, where: str) -> float:
    """Seconds. Numbers above 10^11 are Unix ms."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            raise LogError(f"{where}: {value!r} is no time: ISO 8601, or Unix seconds or ms") from None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not abs(number) < 1e15:
        raise LogError(f"{where}: {value!r} is no time")
    return number / 1000 if abs(number) > 1e11 else number


def _seconds(value: Any, unit: float, where: str) -> float | None:
    if value in ("", "-", None):
        return None
    try:
        seconds = float(value) * unit
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise LogError(f"{where}: {value!r} is no duration")
    return seconds


def _went_well(row: Mapping[str, Any]) -> bool:
    """By an HTTP status, or by how a load run says that it ended; where neither is there, it did."""
    status = next((row[name] for name in STATUSES if row.get(name)), None)
    return int(status) < 500 if status is not None and str(status).isdigit() else row.get("end") != "failed"
