import sys
from math import nan
from pathlib import Path

import pytest
from click.testing import CliRunner
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from loadtest.hdr import write_logs
from loadtest.record import Record
from scenario.result import End
from stack.cli import main


def test_each_second_of_arrivals_is_an_interval_in_nanoseconds(tmp_path: Path) -> None:
    record = Record()
    for at, told in [(0.2, 0.001), (2.9, 1.5), (0.7, nan), (2.1, 0.5)]:
        record.requests.add(at, 0, End.SUCCEEDED, told=told)
    write_logs(record, tmp_path)
    lines = [line for line in (tmp_path / "told.hlog").read_text().splitlines() if not line.startswith(("#", '"'))]
    intervals = [line.split(",") for line in lines]
    assert [(float(start), float(length)) for start, length, *_ in intervals] == [(0, 1), (2, 1)]
    histograms = [HdrHistogram.decode(encoded) for *_, encoded in intervals]
    assert [each.get_total_count() for each in histograms] == [1, 2]
    assert histograms[1].get_max_value() == pytest.approx(1.5e9, rel=0.001)
    assert not [line for line in (tmp_path / "wait.hlog").read_text().splitlines() if line[0].isdigit()]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdrh.histogram", None)
    result = CliRunner().invoke(main, ["load", "smoke", "--hdr", "logs"])
    why = "--hdr needs hdrhistogram: pip install 'async-bff-gateway[load]'"
    assert (result.exit_code, result.output) == (2, f"Error: bff load: {why}\n")
