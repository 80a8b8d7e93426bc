"""`bff simulate`, as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scenario.result import figures_from_json
from stack.cli import main

STEADY = """
name = "quiet"
replications = 2
[traffic]
baseline_per_second = 5
duration_seconds = 30
[[services]]
name = "payments"
max_concurrency = 20
time = { mean_seconds = 0.5 }
[slo]
success_share = 0.9
"""


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    file = tmp_path / "quiet.toml"
    file.write_text(STEADY)
    return file


def bff(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def test_it_prints_a_page(quiet: Path) -> None:
    result = bff(quiet)
    assert result.exit_code == 0, result.output
    assert "quiet (async), simulated, mean of 2 replications" in result.stdout
    assert "thresholds: all met" in result.stdout


def test_a_missed_threshold_is_an_exit_code_of_its_own() -> None:
    result = bff("flash-sale", "--scale", 0.02, "--replications", 2, "--json")
    assert result.exit_code == 99
    figures = figures_from_json(result.stdout)
    assert figures.replications == 2
    assert figures.shares["succeeded"] == pytest.approx(0.28, abs=0.03)
    assert sum(figures.shares.values()) == pytest.approx(1)
    assert figures.interval_95["peak_depth"] == pytest.approx((300, 300))
    assert [each.name for each in figures.slo if not each.met] == ["success_share", "result_p95_seconds"]


def test_the_same_seed_brings_the_same(quiet: Path) -> None:
    once, again, other = (bff(quiet, "--json", "--seed", seed).stdout for seed in (7, 7, 8))
    assert once == again
    assert once != other


def test_synchronous_gateways_hold_each_request(quiet: Path) -> None:
    result = bff(quiet, "--pattern", "sync", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["accept_seconds"]["p50"] > 0.3


def test_a_report_and_another_run_to_lay_it_on(quiet: Path, tmp_path: Path) -> None:
    earlier, report = tmp_path / "earlier.json", tmp_path / "report.html"
    earlier.write_text(bff(quiet, "--json", "--seed", 5).stdout)
    result = bff(quiet, "--compare", earlier, "--report", report)
    assert result.exit_code == 0, result.output
    assert "this run and that run" in result.stdout
    assert report.read_text().startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_takes_nothing_from_what_is_told(quiet: Path, tmp_path: Path) -> None:
    result = bff(quiet, "--report", tmp_path / "nowhere" / "report.html")
    assert result.exit_code == 1
    assert "thresholds: all met" in result.stdout
    assert "nowhere/report.html: No such file or directory" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-scenario"], "no scenario 'no-such-scenario'"),
        (
            ["flash-sale", "--compare", "nowhere.json"],
            "bff simulate: --compare nowhere.json: No such file or directory",
        ),
        (["flash-sale", "--compare", "pyproject.toml"], "no result of bff load or bff simulate"),
        (["flash-sale", "--scale", "0"], "--scale"),
        (["flash-sale", "--replications", "0"], "--replications"),
    ],
)
def test_wrong_use_is_told_in_one_line(arguments: list[str], said: str) -> None:
    result = bff(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_replications_in_which_nobody_comes_are_counted(quiet: Path) -> None:
    quiet.write_text("replications = 9\n[traffic]\nbaseline_per_second = 1\nduration_seconds = 1\n")
    figures = figures_from_json(bff(quiet, "--json").stdout)
    assert figures.replications == 9
    assert 0 < figures.shares["succeeded"] < 1, "of some there was nothing to measure"


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ("nan", "nan is no number"),
        ("1e-300", "quiet times 1e-300: traffic: 1.5e-298 arrivals are expected; allowed: 1 to 20,000,000"),
        ("1000", "quiet times 1000: services.0.max_concurrency: Input should be less than or equal to 100000"),
    ],
)
def test_a_scale_that_leads_beyond_the_bounds_of_a_scenario_is_refused(quiet: Path, scale: str, said: str) -> None:
    quiet.write_text(quiet.read_text().replace("max_concurrency = 20", "max_concurrency = 200"))
    result = bff(quiet, "--scale", scale)
    assert result.exit_code == 2
    assert said in result.stderr.replace(", line 1", "")


def test_a_scale_of_1_changes_nothing(quiet: Path) -> None:
    assert bff(quiet, "--json", "--scale", "1").stdout == bff(quiet, "--json").stdout
