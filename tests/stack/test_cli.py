import subprocess
import sys
from importlib.metadata import version

import pytest

from stack.cli import COMMANDS


def bff(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stack", *words], capture_output=True, text=True)


def test_help_lists_the_commands_and_imports_none_of_them() -> None:
    code = """
import sys
from importlib.metadata import version
from stack.cli import main
main(["--help"], prog_name="bff", standalone_mode=False)
print(*({"fastapi", "arq", "redis", "pydantic", "gateway", "workers"} & set(sys.modules)), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    for name, command in COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert command.summary.split()[0] in result.stdout
    assert result.stderr == "\n"


OF_SCENARIOS = ("export", "import", "plan", "simulate")  # which take nothing from the environment


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_an_example(name: str) -> None:
    result = bff(name, "--help")
    assert result.returncode == 0, result.stderr
    usage = " ".join(result.stdout.split())
    assert f"Example: bff {name}" in usage
    if name in OF_SCENARIOS:
        assert "Options: --" in usage
    else:
        assert "[env var: " in usage or "Commands: " in usage or "Options: --json" in usage


def test_a_bad_variable_ends_a_command_with_one_line_and_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "0")
    result = bff("up")
    reason = "cannot be '0': input should be greater than or equal to 1 (allowed: 1 to 32)"
    assert (result.returncode, result.stderr) == (2, f"Error: --workers (WORKERS) {reason}\n")


def test_data_and_a_redis_of_ones_own_exclude_each_other() -> None:
    result = bff("up", "--data=data", "--redis-url=redis://127.0.0.1")
    assert result.returncode == 2
    assert "give one of the two" in result.stderr


@pytest.mark.parametrize("words", [["upp"], ["up", "--prot=1"]])
def test_what_it_does_not_know_is_wrong_use(words: list[str]) -> None:
    result = bff(*words)
    assert result.returncode == 2
    assert "No such" in result.stderr


def test_it_says_its_version() -> None:
    result = bff("--version")
    assert (result.returncode, result.stdout) == (0, f"bff {version('async-bff-gateway')}\n")
