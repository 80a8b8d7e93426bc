"""What a run was, as lines of JSON: one for each second while it goes on, one for each request in the end."""

import asyncio
import json
from collections.abc import Iterator
from math import isnan, nan
from typing import Any, TextIO

from loadtest.progress import Progress, Recent, Truth
from loadtest.record import Record
from loadtest.watch.frame import Counts
from loadtest.watch.truth import Metrics
from scenario.result import percentile
from scenario.stage import Stage


class SeriesFile:
    """Writes, at the end of each second, what came and went in it and how the queue then stood."""

    def __init__(self, file: TextIO, metrics: Metrics) -> None:
        self._file = file
        self._metrics = metrics

    async def watch(self, progress: Progress) -> None:
        """Until cancelled; what is left of the last second is a line too."""
        last = Moment(progress, second=0)
        try:
            while True:
                await asyncio.sleep(last.second + 1 - progress.at)
                last = self._write(last, progress, last.second + 1)
        finally:
            self._write(last, progress, last.second + 1)

    def truth(self) -> Truth | None:
        return None

    def _write(self, before: "Moment", progress: Progress, second: int) -> "Moment":
        now = Moment(progress, second)
        print(json.dumps({**now.since(before, progress), **self._queue(progress.at)}), file=self._file, flush=True)
        return now

    def _queue(self, at: float) -> dict[str, float | None]:
        """As it was told last; null where it was not."""
        standing = self._metrics.latest(at)
        names = ("depth", "oldest_age", "predicted_wait", "in_flight", "drain_rate")
        return {name: None if standing is None else getattr(standing, name) for name in names}


class Moment:
    """What had been counted at the end of a second; `second` is the number of those that are over."""

    def __init__(self, progress: Progress, second: int) -> None:
        self.second = second
        self._counts = Counts.of(progress)
        self._ends = dict(progress.ends)
        self._answers, self._told = progress.recent_accept.count, progress.recent_told.count

    def since(self, before: "Moment", progress: Progress) -> dict[str, Any]:
        return {
            "second": before.second,
            "offered": self._counts.offered - before._counts.offered,
            "accepted": self._counts.accepted - before._counts.accepted,
            "rejected": self._counts.rejected - before._counts.rejected,
            "ends": {end.value: count - before._ends.get(end, 0) for end, count in self._ends.items()},
            "clients": progress.clients,
            "accept_seconds": _spread(progress.recent_accept, before._answers),
            "told_seconds": _spread(progress.recent_told, before._told),
        }


def write_requests(record: Record, stage: Stage, file: TextIO) -> None:
    """One line each, as they ended. `bff import` reads them."""
    file.writelines(json.dumps(row) + "\n" for row in requests(record, stage))


def requests(record: Record, stage: Stage) -> Iterator[dict[str, Any]]:
    """Times in seconds; null where there is none. `service_seconds` is the bottleneck's own time."""
    done, mix = record.requests, stage.scenario.traffic.mix
    times = {"accept": done.accept, "wait": done.wait, "result": done.result, "told": done.told, "service": record.busy}
    for index, (at, part, end) in enumerate(zip(done.at, done.part, done.end, strict=True)):
        yield {
            "at": round(at, 6),
            "operation": mix[part].operation,
            "priority": mix[part].priority.value,
            "end": end.value,
            **{f"{name}_seconds": _known(column[index]) for name, column in times.items()},
        }


def _spread(recent: Recent, before: int) -> dict[str, float | int | None]:
    """Of those that came after the first `before`, as far as they are still known."""
    ascending = sorted(recent.after(before))
    values = (_known(percentile(ascending, share) if ascending else nan) for share in (0.5, 0.95, 0.99))
    return dict(zip(("p50", "p95", "p99"), values, strict=True))


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 6)
