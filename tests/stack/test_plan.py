"""`bff plan`: its page, its JSON, its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SPIKED = """
name = "spiked"

[traffic]
baseline_per_second = 5
duration_seconds = 30
mix = [{ operation = "echo" }]

[[traffic.spikes]]
at_seconds = 5
duration_seconds = 10
rate_per_second = 40

[[services]]
name = "echo"
max_concurrency = 5
time = { mean_seconds = 0.5 }

[queue]
ttl_seconds = 5
admission = "capacity"

[slo]
success_share = 0.99
"""


def bff(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stack", "plan", *words], capture_output=True, text=True)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "spiked.toml"
    file.write_text(SPIKED)
    return file


def test_what_is_not_feasible_ends_with_99_and_the_verdict_first(scenario: Path) -> None:
    result = bff(str(scenario), "--lead-seconds", "20")
    assert result.returncode == 99, result.stderr
    assert result.stdout.startswith(
        "spiked: Not feasible as it stands: capacity 10/s (5 slots of echo ÷ 0.5 s) against"
    )
    assert "When to add capacity that takes 20 s to come" in result.stdout


def test_with_the_slots_that_it_asks_for_it_is_feasible(scenario: Path) -> None:
    told = json.loads(bff(str(scenario), "--json").stdout)
    assert told["setting"]["met"]
    scenario.write_text(SPIKED.replace("max_concurrency = 5", f"max_concurrency = {told['setting']['slots']}"))
    result = bff(str(scenario), "--json")
    assert result.returncode == 0, result.stdout
    assert json.loads(result.stdout)["feasible"] is True


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('name = "spiked"', "bff plan: spiked: pattern sync holds connections and queues nothing"),
        ("success_share = 0.99", "unknown key"),
    ],
)
def test_what_cannot_be_planned_is_one_line_and_2(scenario: Path, changed: str, said: str) -> None:
    wrong = {'name = "spiked"': 'name = "spiked"\npattern = "sync"', "success_share = 0.99": "succes_share = 0.99"}
    scenario.write_text(SPIKED.replace(changed, wrong[changed]))
    result = bff(str(scenario))
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
