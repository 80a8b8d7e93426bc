"""A small overload driven at a real stack and simulated: prediction and measurement agree, and only of the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bff.catalog.catalog import load_catalog
from loadtest.drive import Driven
from scenario.comparison.twin import EXPLAINED
from scenario.model import Scenario
from scenario.stage import Stage, stage_of
from scenario.text.twin import document, page
from scenario.writing import to_toml
from simulator.fitting.log import read_log
from simulator.fitting.scenario import fit_scenario
from stack.load_once import Files, driven
from stack.place import Asked, place_for
from stack.twin import command, twin_of
from tests.contract.stack import Up

ASKED = Asked(target=None, mock=None, metrics=(), keys=(), admin_key=None, allow_remote=False, workers=None)
ECHO = {"name": "echo", "max_concurrency": 10, "time": {"distribution": "exponential", "mean_seconds": 0.8}}
SPIKE = {"at_seconds": 1, "duration_seconds": 6, "rate_per_second": 36}
OVERLOAD: dict[str, Any] = {
    "name": "overload",
    "replications": 30,
    "traffic": {
        "baseline_per_second": 4,
        "duration_seconds": 10,
        "mix": [{"operation": "echo"}],
        "spikes": [SPIKE],
    },
    "clients": {"timeout_seconds": 15, "wait": "long_poll"},
    "services": [ECHO],
    "queue": {"capacity": 45, "ttl_seconds": 3, "admission": "capacity"},
}
"""Three times what ten slots carry; what does not fit into 45 places is rejected, what waits for 3 s expires."""


def a_stage(**changes: Any) -> Stage:
    return stage_of(Scenario.model_validate_json(json.dumps({**OVERLOAD, **changes})), load_catalog())


@dataclass(frozen=True)
class Once:
    run: Driven
    requests: Path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Driven again where this machine was too busy to send on time; what comes late then, comes late as fitted too."""
    stage, requests = a_stage(), tmp_path_factory.mktemp("twin") / "requests.ndjson"
    with place_for(ASKED, stage, load_catalog()) as place:
        run = driven(stage, place, Files(requests=requests))
        if run.invalid:
            run = driven(stage, place, Files(requests=requests))
    return Once(run, requests)


def test_what_is_predicted_is_what_is_measured(once: Once) -> None:
    """Ends, deepest queue, 95th percentiles and drain, within the tolerance that the page states."""
    twin = twin_of(a_stage(), once.run)
    assert twin.agree, page(twin)
    assert twin.measured.offered == twin.steps[0].figures.offered
    assert twin.measured.shares["rejected"] > 0.05


@pytest.mark.parametrize(
    "other",
    [
        {"services": [{**ECHO, "max_concurrency": 16}]},
        {"queue": {**OVERLOAD["queue"], "capacity": 80}},
        {"queue": {**OVERLOAD["queue"], "ttl_seconds": 1}},
        {
            "traffic": {
                **OVERLOAD["traffic"],
                "mix": [{"operation": "echo"}],
                "spikes": [{**SPIKE, "rate_per_second": 18}],
            }
        },
    ],
    ids=["more slots", "more places", "shorter wait", "fewer requests"],
)
def test_another_scenario_is_not_taken_for_the_same(once: Once, other: dict[str, Any]) -> None:
    twin = twin_of(a_stage(**other), once.run)
    assert not twin.agree, page(twin)
    assert "do not agree" in page(twin)


def test_what_was_fitted_explains_the_gap_step_by_step(once: Once) -> None:
    twin = twin_of(a_stage(), once.run)
    observed = document(twin)["observed"]
    assert 0.5 < observed["mean_service_seconds"] < 1.2
    assert observed["turnaround_seconds"] > 0
    assert observed["median_accept_seconds"] > 0
    for gap in twin.gaps:
        assert tuple(gap.explained) == EXPLAINED
        fitted = next(each for each in twin.fitted.differences if each.measure.name == gap.measure.name)
        assert gap.left == pytest.approx(fitted.absolute, abs=1e-9)


def test_what_a_run_wrote_of_its_requests_is_imported_as_what_it_was(once: Once) -> None:
    """Arrivals within what chance does to so few, service times within a few per cent of what they were."""
    fitted = fit_scenario(read_log(once.requests), "again", "echo", "echo").scenario
    traffic, time = fitted.traffic, fitted.services[0].time
    [spike] = traffic.spikes
    assert spike.rate_per_second == pytest.approx(36, rel=0.2)
    assert spike.duration_seconds == pytest.approx(6, abs=1.01)
    assert traffic.baseline_per_second == pytest.approx(4, abs=2)
    took = once.run.record.busy_for
    assert time.mean_seconds == pytest.approx(sum(took) / len(took), rel=0.03)


def test_the_command_says_both_on_one_page(stack: Up, tmp_path: Path) -> None:
    """A second of echoes, far below what there is, at a stack that is there."""
    traffic = {"baseline_per_second": 20, "duration_seconds": 1, "arrivals": "even", "mix": [{"operation": "echo"}]}
    scenario = a_stage(name="calm", traffic=traffic, services=[]).scenario
    (tmp_path / "calm.toml").write_text(to_toml(scenario))
    report = tmp_path / "calm.html"
    options = [f"--target={stack.gateway_url}", f"--mock={stack.mock_url}", "--replications=3", f"--report={report}"]
    done = CliRunner().invoke(command("twin", ""), [str(tmp_path / "calm.toml"), *options])
    if done.exit_code == 3:
        assert "invalid run" in done.stderr
        assert not done.stdout
        return
    assert "the same 20 arrivals driven, and simulated, 3 times" in done.stdout
    assert "a call to echo took" in done.stdout
    agree = "Prediction and measurement agree" in done.stdout
    assert agree != ("Prediction and measurement do not agree" in done.stdout)
    assert done.exit_code == (0 if agree else 99)
    assert f"Prediction and measurement {'agree' if agree else 'do not agree'}" in report.read_text()


def test_what_is_about_a_target_alone_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(command("twin", ""), ["smoke", "--mock=http://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "--mock is about a --target" in done.stderr
