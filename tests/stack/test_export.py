"""`bff export` writes what a stack is started with, and nothing that is empty."""

from pathlib import Path

from click.testing import CliRunner

from stack.cli import main


def exported(scenario: str, directory: Path) -> set[str]:
    ran = CliRunner().invoke(main, ["export", scenario, "-d", str(directory)])
    assert ran.exit_code == 0, ran.output
    files = {file.name for file in directory.iterdir()}
    assert set(ran.stderr.strip().split(", ")) == {f"{directory}/{name}" for name in files}
    return files


def a_scenario(tmp_path: Path, pattern: str) -> str:
    file = tmp_path / f"{pattern}.toml"
    file.write_text(f'pattern = "{pattern}"\n[traffic]\nbaseline_per_second = 1\n[[services]]\nname = "payments"\n')
    return str(file)


def test_settings_are_written_where_there_are_any(tmp_path: Path) -> None:
    directory = tmp_path / "out"
    assert exported(a_scenario(tmp_path, "sync"), directory) == {"services.toml", "settings.env"}
    assert (directory / "settings.env").read_text() == "MAX_SYNC=200\n"
    assert exported(a_scenario(tmp_path, "async"), directory) == {"services.toml"}
