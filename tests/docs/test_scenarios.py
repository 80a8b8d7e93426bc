"""The page on scenarios has every key that is read, with its default, and every scenario that is shipped."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bff.catalog.catalog import load_catalog
from scenario.export import toml
from scenario.model import Scenario
from scenario.reading import SHIPPED, read_scenario, shipped_names
from tests.docs.test_pages import DOCS

CATALOG = load_catalog()
PAGE = (DOCS / "scenarios.md").read_text()


def keys_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Every key with its default; of a table without a default of its own, those of what is in it."""
    for name, field in model.model_fields.items():
        inner = next((each for each in (field.annotation, *get_args(field.annotation)) if _is_table(each)), None)
        if inner is None or name == "mix":
            yield path + name, "" if field.is_required() else _plain(field.get_default(call_default_factory=True))
        if inner is not None:
            several = field.annotation is not inner
            yield from keys_of(inner, f"{path}{name}{'[]' if several else ''}.")


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _plain(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, tuple):
        return "[" + ", ".join(toml(each.model_dump(mode="json")) for each in default) + "]"
    return toml(default)


def test_the_page_has_every_key_with_its_default_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z0-9_.\[\]]+)` \| (?:`([^`]*)`|) *\| \S", PAGE, re.MULTILINE)
    assert rows == list(keys_of(Scenario))


def head_of(name: str) -> str:
    """The comment that a file begins with, on one line."""
    lines = (SHIPPED / f"{name}.toml").read_text().splitlines()
    comment = [line.removeprefix("#").strip() for line in lines[: lines.index(f'name = "{name}"')]]
    return " ".join(comment)


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_scenario_asks_a_question_says_how_to_drive_it_and_has_thresholds(name: str) -> None:
    scenario = read_scenario(name, CATALOG)
    assert scenario.name == name
    assert any(wanted is not None for _, wanted in scenario.slo)
    head = head_of(name)
    assert head.index("?") < 200
    assert f"bff load {name}" in head


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_scenario_has_its_question_its_answer_and_its_command_on_the_page(name: str) -> None:
    _, _, rest = PAGE.partition(f"### [{name}](../loadtest/scenarios/{name}.toml)\n")
    section = " ".join(rest.partition("\n## ")[0].partition("\n### ")[0].split())
    question, _, _ = head_of(name).partition("?")
    assert f"*{question}?*" in section
    assert re.search(rf"`bff load {name}[^`]*`", section)
    assert re.search(r"\d", section.partition("?*")[2]), "an answer has figures"


def test_the_page_has_no_scenario_that_is_not_shipped() -> None:
    assert sorted(re.findall(r"^### \[([a-z-]+)\]\(\.\./loadtest/scenarios/", PAGE, re.MULTILINE)) == shipped_names()
