"""`bff load` with what surrounds its driver: a stack of its own, files, the other pattern, an earlier run."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scenario.result import Source, figures_from_json
from scenario.writing import to_toml
from stack.load import command
from tests.contract.stack import Up
from tests.loadtest.stages import a_stage
from tests.scenario.played import a_stage as played_stage
from tests.scenario.played import some_figures

PAYMENTS = {"name": "payments", "max_concurrency": 3, "time": {"distribution": "constant", "mean_seconds": 0.2}}
CHECKOUT = [{"operation": "checkout", "priority": "normal", "share": 1.0}]


COMMAND = [sys.executable, "-m", "stack", "load"]


@dataclass(frozen=True)
class Done:
    code: int
    said: str
    errors: str


def bff_load(file: Path, *options: str, **environment: str) -> Done:
    done = subprocess.run(
        [*COMMAND, str(file), *options],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """30 checkouts within one and a half seconds, of which 15 a second can be paid."""
    stage = a_stage(
        {"mix": CHECKOUT, "duration_seconds": 1.5, "baseline_per_second": 20},
        {"timeout_seconds": 20},
        services=[PAYMENTS],
        queue={"capacity": 50},
    )
    (tmp_path / "test.toml").write_text(to_toml(stage.scenario))
    return tmp_path / "test.toml"


@pytest.fixture(scope="module")
def admin_key(stack: Up) -> str:
    """Of the stack that tests share, as it was announced."""
    return next(line.removeprefix("key of operators: ") for line in stack.seen if line.startswith("key of operators"))


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_scenario_is_driven_at_a_stack_of_its_own(file: Path, tmp_path: Path) -> None:
    """As the scenario has it, whatever the environment says of another; and it is gone afterwards."""
    series, requests, report = (tmp_path / name for name in ("series.ndjson", "requests.ndjson", "report.html"))
    files = (f"--ndjson={series}", f"--requests={requests}", f"--report={report}")
    run = bff_load(file, "--json", *files, REDIS_URL="redis://127.0.0.1:1", AUTH="true")
    figures = figures_from_json(run.said)
    assert figures.shares["succeeded"] == 1, run.errors
    assert figures.load is not None
    assert run.code == (0 if figures.load["valid"] else 3)
    payments = figures.load["services"]["payments"]
    assert (payments["effects"], payments["slots"]) == (30, 3)
    assert payments["max_in_flight"] <= 3
    metrics = figures.load["metrics"]
    assert metrics["readings"] >= 2
    assert metrics["cores"].keys() == {"gateways", "workers"}
    assert 0.3 < figures.utilisation <= 1
    assert sum(figures.series.arrived) == sum(row["offered"] for row in rows(series)) == 30
    written = rows(requests)
    assert [row["end"] for row in written] == ["succeeded"] * 30
    assert min(row["service_seconds"] for row in written) >= 0.2
    assert "<svg" in report.read_text()
    assert run.errors.startswith("bff load: starting a stack for test\n")


def test_both_patterns_are_laid_beside_each_other(stack: Up, file: Path, admin_key: str) -> None:
    options = (f"--target={stack.gateway_url}", f"--mock={stack.mock_url}", f"--admin-key={admin_key}")
    run = bff_load(file, *options, "--against=sync", "--json")
    both = {name: figures_from_json(json.dumps(document)) for name, document in json.loads(run.said).items()}
    assert list(both) == ["async", "sync"], run.errors
    assert both["async"].offered == both["sync"].offered == 30
    assert [each.load and each.load["pattern"] for each in both.values()] == ["async", "sync"]
    sync = both["sync"].load
    assert sync is not None
    assert sync["metrics"]["peak_sync_jobs"] > 0
    assert "payments has 15,000 places there, and 50 in the scenario (`bff export`)" in run.errors


def test_a_prediction_is_laid_beside_this_one(stack: Up, file: Path, tmp_path: Path) -> None:
    options = (f"--target={stack.gateway_url}", f"--mock={stack.mock_url}")
    earlier = some_figures(played_stage(), Source.SIMULATION)
    (tmp_path / "earlier.json").write_text(json.dumps(earlier.to_json()))
    said = bff_load(file, *options, f"--compare={tmp_path / 'earlier.json'}").said
    assert "what became of them" in said
    assert re.search(r"figures .*predicted and measured\.", said)


def test_a_stack_that_does_not_come_up_says_why(file: Path, tmp_path: Path) -> None:
    """Its last words are shown, and where all of them are kept."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.argv[1:2] == ['worker'] and sys.exit('no worker today')\n"
    )
    run = bff_load(file, PYTHONPATH=str(tmp_path))
    assert (run.code, run.said) == (1, "")
    kept = re.search(r"the stack ended with exit code 1; all that it said: (\S+)", run.errors)
    assert kept
    assert "no worker today" in run.errors
    assert "no worker today" in Path(kept[1]).read_text()
    Path(kept[1]).unlink()


def test_ctrl_c_while_the_stack_comes_up_ends_it_too(file: Path) -> None:
    with subprocess.Popen([*COMMAND, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "starting a stack" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=50)
    assert (process.returncode, said, errors) == (1, "", "\nAborted!\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--metrics=http://127.0.0.1:9100",), "--metrics is about a --target, and none was given"),
        (("--key=k",), "--key is about a --target, and none was given"),
        (("--target=http://127.0.0.1:1", "--workers=2"), "--workers is about a stack of its own, and --target names"),
        (("--against=async",), "--against async: the scenario is async itself"),
        (("--against=sync", "--ndjson=x"), "--ndjson, --requests and --hdr are of one run; leave out --against"),
        (("--compare=nowhere.json",), "--compare nowhere.json: "),
    ],
)
def test_options_that_do_not_go_together_are_one_line_and_2(file: Path, options: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(command("load", "Drive it."), [str(file), *options])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: bff load: {said}")
