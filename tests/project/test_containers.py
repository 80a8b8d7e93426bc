import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.project.tree import PACKAGES, PYPROJECT, ROOT, text

DOCKERFILE = text("Dockerfile")


def test_the_image_runs_a_python_that_the_project_allows_and_no_root() -> None:
    pythons = set(re.findall(r"^FROM python:([\d.]+)-slim", DOCKERFILE, re.MULTILINE))
    assert len(pythons) == 1
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(f"{pythons.pop()}.0")
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_the_image_is_given_all_that_it_is_built_from() -> None:
    given = set(re.findall(r"^!(\S+)$", text(".dockerignore"), re.MULTILINE))
    assert {file for file in given if not (ROOT / file).exists()} == set()
    assert {
        *PACKAGES,
        "pyproject.toml",
        "requirements.lock",
        "requirements-otel.lock",
        "requirements-dev.lock",
    } <= given


@pytest.mark.skipif(sys.platform != "linux", reason="the hadolint wheel is for Linux")
def test_hadolint_finds_nothing_in_the_dockerfile_and_something_in_a_bad_one() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    bad = "FROM python\nRUN cd /tmp && pip install uv\n"
    assert subprocess.run([hadolint, "-"], input=DOCKERFILE, text=True, capture_output=True).stdout == ""
    assert "DL3006" in subprocess.run([hadolint, "-"], input=bad, text=True, capture_output=True).stdout
