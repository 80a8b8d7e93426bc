import subprocess
import sys
from zipfile import ZipFile

import pytest

from tests.project.tree import PACKAGES, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return ZipFile(built)


def test_the_wheel_holds_every_file_of_the_packages(wheel: ZipFile) -> None:
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert files - set(wheel.namelist()) == set()
    assert "bff/catalog/services.toml" in files
    assert "bff/py.typed" in files


def test_the_wheel_holds_nothing_else_and_the_command(wheel: ZipFile) -> None:
    (metadata,) = {name.split("/")[0] for name in wheel.namelist()} - set(PACKAGES)
    assert "bff = stack.cli:main" in wheel.read(f"{metadata}/entry_points.txt").decode()
    assert f"{metadata}/licenses/LICENSE" in wheel.namelist()
