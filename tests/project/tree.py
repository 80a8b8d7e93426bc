"""The source tree that the tests of the project itself look at."""

import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def text(path: str) -> str:
    return (ROOT / path).read_text()


def client_project() -> dict[str, Any]:
    """What the client's own distribution says of itself."""
    project: dict[str, Any] = tomllib.loads(text("client/pyproject.toml"))["project"]
    return project


def extra(name: str) -> set[str]:
    """Names of what an extra asks for besides."""
    return {Requirement(entry).name for entry in PYPROJECT["project"]["optional-dependencies"][name]}


def direct_dependencies(*groups: str) -> list[str]:
    """Names of what these groups ask for; without a group, of what running asks for."""
    wanted = [PYPROJECT["dependency-groups"][group] for group in groups]
    entries = [entry for group in wanted for entry in group] if groups else PYPROJECT["project"]["dependencies"]
    return sorted(Requirement(entry).name for entry in entries if isinstance(entry, str))
