import asyncio
import io
import json
from contextlib import suppress
from itertools import count
from math import nan
from pathlib import Path
from typing import Any

from loadtest.progress import RECENT, Progress, Recent
from loadtest.record import Record
from loadtest.watch.ndjson import SeriesFile, write_requests
from loadtest.watch.truth import Metrics
from scenario.result import End
from simulator.fitting.log import read_log
from tests.scenario.played import a_stage


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_second_has_a_line_with_what_happened_in_it() -> None:
    file, progress = io.StringIO(), Progress(60, 100)

    async def run() -> None:
        task = asyncio.create_task(SeriesFile(file, Metrics([], "payments")).watch(progress))
        await asyncio.sleep(0)  # it begins
        for second in count():
            progress.sent += 5
            progress.ends[End.SUCCEEDED] += 3
            progress.recent_told.append(0.1 * (second + 1))
            while file.getvalue().count("\n") == second:
                await asyncio.sleep(0.01)
            if second == 1:
                break
        progress.sent += 1
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    written = rows(file.getvalue())
    assert [row["second"] for row in written] == [0, 1, 2]
    assert [row["offered"] for row in written] == [5, 5, 1]
    assert [row["ends"].get("succeeded") for row in written] == [3, 3, 0]
    assert [row["told_seconds"]["p50"] for row in written] == [0.1, 0.2, None]
    assert [row["depth"] for row in written] == [None] * 3  # nobody tells


def test_the_last_of_many_values_are_known_and_how_many_there_were() -> None:
    recent = Recent()
    for number in range(RECENT + 10):
        recent.append(number)
    assert recent.count == RECENT + 10
    assert recent.after(RECENT + 7) == [RECENT + 7, RECENT + 8, RECENT + 9]
    assert len(recent.after(0)) == RECENT
    assert recent.after(recent.count) == []


def test_each_request_has_a_line_that_bff_import_reads(tmp_path: Path) -> None:
    record = Record()
    record.requests.add(0.5, 0, End.SUCCEEDED, accept=0.004, wait=1.5, result=2.5, told=2.6)
    record.requests.add(0.7, 0, End.REJECTED)
    record.busy.extend([0.8, nan])
    with (tmp_path / "requests.ndjson").open("w") as file:
        write_requests(record, a_stage(), file)
    first, second = rows((tmp_path / "requests.ndjson").read_text())
    assert first == {
        "at": 0.5,
        "operation": "checkout",
        "priority": "normal",
        "end": "succeeded",
        "accept_seconds": 0.004,
        "wait_seconds": 1.5,
        "result_seconds": 2.5,
        "told_seconds": 2.6,
        "service_seconds": 0.8,
    }
    assert second["service_seconds"] is second["accept_seconds"] is None
    assert [(seen.at, seen.seconds) for seen in read_log(tmp_path / "requests.ndjson")] == [(0.5, 0.8), (0.7, None)]
