import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.project.tree import PACKAGES, ROOT

BENCHMARKS = ROOT / "loadtest" / "benchmarks"


def built(project: Path, directory: Path) -> Path:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    return ZipFile(built(ROOT, tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_every_file_of_the_packages(wheel: ZipFile) -> None:
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and BENCHMARKS not in file.parents
    }
    assert files - set(wheel.namelist()) == set()
    assert "bff/catalog/services.toml" in files
    assert "bff/py.typed" in files


def test_the_wheel_holds_nothing_else_and_the_command(wheel: ZipFile) -> None:
    (metadata,) = {name.split("/")[0] for name in wheel.namelist()} - set(PACKAGES)
    assert "bff = stack.cli:main" in wheel.read(f"{metadata}/entry_points.txt").decode()
    assert f"{metadata}/licenses/LICENSE" in wheel.namelist()


def test_the_wheel_of_the_client_holds_the_client_alone_and_works_where_the_project_is_not(tmp_path: Path) -> None:
    wheel = built(ROOT / "client", tmp_path)
    code = ROOT / "client" / "bff_client"
    files = {f"bff_client/{file.name}" for file in code.iterdir() if file.is_file()}
    (metadata,) = {name.split("/")[0] for name in ZipFile(wheel).namelist()} - {"bff_client"}
    assert {name for name in ZipFile(wheel).namelist() if not name.startswith(metadata)} == files
    assert "bff_client/py.typed" in files
    asked = "import bff_client; print(bff_client.Client.__module__, bff_client.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, env={"PYTHONPATH": str(wheel)}, capture_output=True, text=True
    )
    assert said.stdout.startswith(f"bff_client.client {wheel}"), said.stderr
