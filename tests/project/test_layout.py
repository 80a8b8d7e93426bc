import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from tests.project.tree import PACKAGES, PYPROJECT, ROOT, client_project, text

CLIENT = ROOT / "client" / "bff_client"
SOURCES = [file for package in [*(ROOT / name for name in PACKAGES), CLIENT] for file in package.rglob("*.py")]


def matches(pattern: str) -> list[str]:
    return [str(file.relative_to(ROOT)) for file in SOURCES if re.search(pattern, file.read_text())]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module


def test_every_package_is_shipped_type_checked_and_held_to_its_imports() -> None:
    found = {init.parent.name for init in ROOT.glob("[!.]*/__init__.py")}
    assert set(PACKAGES) == found
    assert set(PYPROJECT["tool"]["mypy"]["files"]) == found | {"client", "tests"}
    assert set(PYPROJECT["tool"]["importlinter"]["root_packages"]) == found


def test_the_client_stands_on_what_it_declares_and_on_nothing_of_the_project() -> None:
    """It is installed without the rest."""
    declared = {Requirement(entry).name for entry in client_project()["dependencies"]}
    asked = {name.partition(".")[0] for file in CLIENT.glob("*.py") for name in imported(file)}
    assert asked - sys.stdlib_module_names == declared | {"bff_client"}


def test_make_help_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)
    assert phony
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\w+) +\S", listed, re.MULTILINE)) == set(phony[1].split())


def test_no_file_outgrows_one_sitting() -> None:
    assert [file.name for file in SOURCES if len(file.read_text().splitlines()) > 400] == []


def test_every_package_says_in_one_sentence_what_it_is() -> None:
    inits = [file for file in SOURCES if file.name == "__init__.py" and file.parent != CLIENT]
    assert [str(init) for init in inits if not re.fullmatch(r'"""[^\n]+\."""\n', init.read_text())] == []


def test_middleware_is_plain_asgi() -> None:
    """Starlette's wrapper hides from a long poll that its client has gone."""
    assert matches(r'BaseHTTPMiddleware|\.middleware\(\s*["\']http["\']') == []


def test_nothing_is_unpickled() -> None:
    """Whoever can write to Redis could run code in a worker."""
    assert matches(r"\bpickle\b") == []
