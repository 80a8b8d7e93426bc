"""What a log was made of is found in it again."""

import csv
import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from bff.catalog.catalog import load_catalog
from scenario.arrivals import instants
from scenario.chance import drawing, stream
from scenario.model import Arrivals, Distribution, Scenario, ServiceTime, Spike, Traffic
from scenario.reading import parse_scenario
from simulator.fitting.arrivals import fit_traffic
from simulator.fitting.log import LogError, Seen, read_log
from simulator.fitting.scenario import fit_scenario, most_at_once
from simulator.fitting.times import fit_times
from stack.cli import main

SPIKE = Spike(at_seconds=60, duration_seconds=30, rate_per_second=80)


def some_traffic(arrivals: Arrivals = Arrivals.POISSON, *spikes: Spike) -> Traffic:
    return Traffic(arrivals=arrivals, baseline_per_second=10, duration_seconds=200, spikes=spikes)


def times_of(time: ServiceTime, count: int = 2000) -> list[float]:
    rng, draw = stream(7, 1), drawing(time)
    return [draw(rng) for _ in range(count)]


@pytest.mark.parametrize("arrivals", Arrivals)
def test_traffic_without_spikes_is_a_baseline_of_its_kind(arrivals: Arrivals) -> None:
    found = fit_traffic(list(instants(some_traffic(arrivals), seed=1)))
    assert found.spikes == ()
    assert found.arrivals is arrivals
    assert found.baseline_per_second == pytest.approx(10, rel=0.1)


def test_a_spike_is_found_with_its_rate_and_does_not_raise_the_baseline() -> None:
    found = fit_traffic(list(instants(some_traffic(Arrivals.POISSON, SPIKE), seed=1)))
    (spike,) = found.spikes
    assert spike.at_seconds == pytest.approx(60, abs=4)
    assert spike.duration_seconds == pytest.approx(30, abs=4)
    assert spike.rate_per_second == pytest.approx(80, rel=0.1)
    assert found.baseline_per_second == pytest.approx(10, rel=0.1)


def test_spikes_that_fill_most_of_the_time_are_still_spikes() -> None:
    long = Spike(at_seconds=20, duration_seconds=150, rate_per_second=80)
    (spike,) = fit_traffic(list(instants(some_traffic(Arrivals.POISSON, long), seed=1))).spikes
    assert spike.duration_seconds == pytest.approx(150, abs=4)


@pytest.mark.parametrize(
    "time",
    [
        ServiceTime(distribution=Distribution.CONSTANT, mean_seconds=0.2),
        ServiceTime(distribution=Distribution.EXPONENTIAL, mean_seconds=0.8),
        ServiceTime(distribution=Distribution.LOGNORMAL, mean_seconds=0.3, cv=0.5),
        ServiceTime(distribution=Distribution.LOGNORMAL, mean_seconds=0.3, cv=1.5),
        ServiceTime(distribution=Distribution.GAMMA, mean_seconds=2.0, cv=0.4),
    ],
    ids=lambda time: f"{time.distribution} {time.cv}",
)
def test_service_times_are_found_again(time: ServiceTime) -> None:
    fit = fit_times(times_of(time))
    assert fit.time.distribution is time.distribution
    assert fit.time.mean_seconds == pytest.approx(time.mean_seconds, rel=0.08)
    if time.distribution in (Distribution.LOGNORMAL, Distribution.GAMMA):
        assert fit.time.cv == pytest.approx(time.cv, rel=0.12)
    assert fit.distance < 0.05


def test_times_of_two_kinds_are_a_poor_fit_and_said_to_be() -> None:
    times = [0.01 if number % 2 else 5.0 for number in range(400)]
    seen = [Seen(at=number / 2, seconds=seconds, well=True) for number, seconds in enumerate(times)]
    fitted = fit_scenario(seen, "mixed", "checkout", "payments")
    assert any("poor fit" in remark for remark in fitted.remarks)


def test_most_at_once_counts_what_overlaps() -> None:
    assert most_at_once([Seen(0, 2, True), Seen(1, 2, True), Seen(2, 1, True), Seen(10, None, True)]) == 2


def test_failures_become_the_error_rate() -> None:
    seen = [Seen(at=number, seconds=0.1, well=number % 10 > 0) for number in range(100)]
    assert fit_scenario(seen, "failing", "checkout", "payments").scenario.services[0].error_rate == 0.1


def written(tmp_path: Path, header: list[str], rows: list[list[object]]) -> Path:
    file = tmp_path / "log.csv"
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])
    return file


def test_times_are_read_in_every_usual_form(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["2026-01-05T10:00:01Z", 5],
        ["2026-01-05T11:00:02+01:00", 5],
        [1767607203, 5],
        [1767607204000, 5],
    ]
    seen = read_log(written(tmp_path, ["timestamp", "duration_ms"], rows))
    assert [each.at - seen[0].at for each in seen] == [0, 1, 2, 3]
    assert seen[0].seconds == 0.005


@pytest.mark.parametrize(("column", "seconds"), [("upstream_ms", 0.005), ("took_us", 5e-6), ("took", 5.0)])
def test_the_unit_of_a_duration_is_in_its_columns_name(tmp_path: Path, column: str, seconds: float) -> None:
    file = written(tmp_path, ["timestamp", column], [[1, 5], [2, 5]])
    assert read_log(file, duration_column=column)[0].seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        (["when", "duration"], ["1", "1"], "no column timestamp, time, at, ts or date, for a time"),
        (
            ["timestamp", "took"],
            ["1", "1"],
            "request_time or elapsed, for a duration, such as duration_ms; there are: timestamp, took",
        ),
        (["timestamp", "duration"], ["yesterday", "1"], "request 1: timestamp: 'yesterday' is no time"),
        (["timestamp", "duration"], ["1", "-1"], "request 1: duration: '-1' is no duration"),
        (["timestamp", "duration"], ["nan", "1"], "'nan' is no time"),
        (["timestamp", "duration"], ["1", "1"], "1 requests in it"),
    ],
)
def test_a_log_that_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, header: list[str], row: list[object], said: str
) -> None:
    with pytest.raises(LogError, match=said):
        read_log(written(tmp_path, header, [row]))


def a_scenario() -> Scenario:
    return Scenario(traffic=some_traffic(Arrivals.POISSON, SPIKE))


def test_bff_import_writes_a_scenario_that_is_read_back(tmp_path: Path) -> None:
    time = ServiceTime(mean_seconds=0.5)
    ats = list(instants(a_scenario().traffic, seed=1))
    rows: list[list[object]] = [[at, took, 200] for at, took in zip(ats, times_of(time, len(ats)), strict=True)]
    ran = CliRunner().invoke(main, ["import", str(written(tmp_path, ["at", "duration", "status"], rows))])
    assert ran.exit_code == 0
    scenario = parse_scenario(tomllib.loads(ran.stdout), ran.stdout, "imported", load_catalog())
    assert scenario.services[0].name == "payments"
    assert scenario.services[0].time.mean_seconds == pytest.approx(0.5, rel=0.08)
    assert len(scenario.traffic.spikes) == 1
    assert "a spike of" in ran.stderr


def test_bff_import_reads_what_a_load_run_wrote(tmp_path: Path) -> None:
    file = tmp_path / "requests.ndjson"
    rows = [{"at": number / 10, "service_seconds": 0.2, "end": "succeeded"} for number in range(100)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = CliRunner().invoke(main, ["import", str(file)])
    assert 'distribution = "constant", mean_seconds = 0.2' in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "apart_seconds", "said"),
    [
        (["--name", "../x"], 1, "no scenario can be made of it: name: String should match"),
        ([], 86_400, "no scenario can be made of it: duration_seconds: Input should be less than or equal to 604800"),
    ],
)
def test_bff_import_refuses_what_no_scenario_can_hold(
    tmp_path: Path, arguments: list[str], apart_seconds: float, said: str
) -> None:
    rows: list[list[object]] = [[number * apart_seconds, 0.5] for number in range(50)]
    ran = CliRunner().invoke(main, ["import", str(written(tmp_path, ["at", "duration"], rows)), *arguments])
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--operation", "chekout"], ["--service", "reports"], ["--time-column", "x"]])
def test_bff_import_refuses_what_is_not_there(tmp_path: Path, arguments: list[str]) -> None:
    ran = CliRunner().invoke(main, ["import", str(written(tmp_path, ["at", "duration"], [[1, 1]])), *arguments])
    assert ran.exit_code == 2
    assert len(ran.stderr.splitlines()) == 1
