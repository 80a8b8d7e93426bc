import re

from tests.project.tree import PYPROJECT, ROOT, direct_dependencies, extra

ADR = ROOT / "docs" / "adr"


def first_column(section: str) -> list[str]:
    """The packages of one table of the ADR on dependencies."""
    text = (ADR / "0006-dependencies.md").read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    return sorted(re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE))


def test_the_index_lists_every_decision_by_its_title() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", (ADR / "README.md").read_text(), re.MULTILINE)
    written = [
        (file.name[:4], file.name, file.read_text().splitlines()[0].removeprefix(f"# {file.name[:4]}. "))
        for file in sorted(ADR.glob("0*.md"))
    ]
    assert listed == written


def test_a_decision_fits_on_one_page() -> None:
    assert [file.name for file in ADR.glob("0*.md") if len(file.read_text().splitlines()) > 70] == []


def test_every_dependency_at_run_time_has_its_reason() -> None:
    assert first_column("Runtime") == direct_dependencies()


def test_every_dependency_of_an_extra_has_its_reason() -> None:
    assert first_column("Extras") == sorted(extra("otel") | extra("load"))


def test_every_dependency_in_development_has_its_reason() -> None:
    assert first_column("Development") == direct_dependencies(*PYPROJECT["dependency-groups"])
