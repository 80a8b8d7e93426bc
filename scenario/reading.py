"""Reading a scenario file: what is wrong is named with its file, its line and what was meant."""

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bff.catalog.catalog import Catalog
from bff.catalog.tables import CatalogError, read_toml
from scenario.arrivals import expected_arrivals
from scenario.model import MAX_ARRIVALS, Scenario

Key = tuple[str | int, ...]

_MISSING = "is missing"

SHIPPED = Path(__file__).parents[1] / "loadtest" / "scenarios"


class ScenarioError(Exception):
    """A scenario that cannot be read or contradicts itself. Names the file, the line and what is allowed.

    `key` is where in the document, `complaint` what is wrong there: for whoever shows no file.
    """

    def __init__(self, message: str, key: Key = (), complaint: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.complaint = complaint or message


def shipped_names() -> list[str]:
    return sorted(file.stem for file in SHIPPED.glob("*.toml"))


def find_scenario(name: str) -> Path:
    """A path, or the name of a shipped one. Raises ScenarioError."""
    if "/" in name or name.endswith(".toml"):
        return Path(name)
    file = SHIPPED / f"{name}.toml"
    if not file.is_file():
        meant = _meant(name, shipped_names())
        raise ScenarioError(
            f"no scenario {name!r}{meant}; shipped: {', '.join(shipped_names())}; a file: ./{name}.toml"
        )
    return file


def read_scenario(name: str, catalog: Catalog) -> Scenario:
    """By path, or by the name of a shipped one. Raises ScenarioError."""
    file = find_scenario(name)
    try:
        text, document = read_toml(file)
    except CatalogError as error:
        raise ScenarioError(str(error)) from None
    return parse_scenario(document, text, str(file), catalog)


def scaled_scenario(scenario: Scenario, by: float, catalog: Catalog) -> Scenario:
    """Within the same bounds as one that is read. Raises ScenarioError."""
    where = f"{scenario.name} times {by:g}"
    return parse_scenario(scenario.scaled(by).model_dump(mode="json"), "", where, catalog)


def parse_scenario(document: dict[str, Any], text: str, where: str, catalog: Catalog) -> Scenario:
    """`text` is what `document` was read from, for line numbers; `where` names it. Raises ScenarioError."""
    try:
        scenario = Scenario.model_validate_json(json.dumps(document, default=str))
    except RecursionError:
        raise ScenarioError(f"{where}: it is nested too deeply") from None
    except ValidationError as error:
        # What is unknown before what is missing: a misspelt key is both.
        first = min(error.errors(), key=lambda each: each["type"] == "missing")
        marked = first["type"] != "extra_forbidden" and first["loc"][-1:] == ("[key]",)  # by pydantic: a wrong key
        key = first["loc"][:-1] if marked else first["loc"]
        raise _wrong(key, _said(first, key), text, where) from None
    for key, complaint in _complaints(scenario, catalog):
        raise _wrong(key, complaint, text, where)
    return scenario


def _complaints(scenario: Scenario, catalog: Catalog) -> Iterator[tuple[Key, str]]:
    for number, part in enumerate(scenario.traffic.mix):
        if part.operation not in catalog.operations:
            meant = _meant(part.operation, catalog.operations)
            known = ", ".join(catalog.operations)
            yield ("traffic", "mix", number, "operation"), f"no operation {part.operation!r}{meant}; there are: {known}"
            return
    operations = {part.operation for part in scenario.traffic.mix}
    called = {call.service for name in operations for call in catalog.operations[name].calls}
    for number, service in enumerate(scenario.services):
        if service.name not in called:
            known = ", ".join(sorted(called))
            meant = _meant(service.name, called)
            yield (
                ("services", number, "name"),
                f"{service.name!r} is called by no operation of the mix{meant}; called: {known}",
            )
    expected = expected_arrivals(scenario.traffic)
    if not 1 <= expected <= MAX_ARRIVALS:
        yield ("traffic",), f"{expected:,.10g} arrivals are expected; allowed: 1 to {MAX_ARRIVALS:,}"


def _wrong(key: Key, complaint: str, text: str, where: str) -> ScenarioError:
    """`is missing` is said of a key as it is; all else after a colon."""
    place = f"{where}, line {_line(text, key)}: {'.'.join(map(str, key))}" if key else where
    return ScenarioError(f"{place}{' ' if complaint == _MISSING else ': '}{complaint}", key, complaint)


def _said(error: Any, key: Key) -> str:
    if error["type"] == "extra_forbidden":
        allowed = _keys_of(key[:-1])
        return f"unknown key{_meant(str(key[-1]), allowed)}; allowed: {', '.join(allowed)}"
    if error["type"] == "missing":
        return _MISSING
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{said} (got {error['input']!r})" if not isinstance(error["input"], dict | list) and key else said


def _keys_of(path: Key) -> list[str]:
    """Of the table at `path`."""
    model: type[BaseModel] = Scenario
    for part in path:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = next(
            (each for each in (annotation, *getattr(annotation, "__args__", ())) if _is_table(each)),
            None,
        )
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _meant(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f" (is {close[0]!r} meant?)" if close else ""


def _line(text: str, key: Key) -> int:
    """The line on which a key stands, or the table that it is missing in; tomllib keeps none."""
    names = [part for part in key if isinstance(part, str)]
    index = next((at for at, part in enumerate(key) if isinstance(part, int)), None)
    array = names[:index] if index is not None else []
    wanted = key[index] if index is not None else -1
    inside: int | None = 0  # how many of `names` the present table has used up; None: it is another
    found, element = 1, -1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]+", line):
            path = _path(header[2])
            element += path == array
            ours = names[: len(path)] == path and (not array or len(path) < len(array) or element == wanted)
            inside = len(path) if ours else None
            found = number if ours else found
        elif inside is not None and inside < len(names) and _sets(line, names[inside:]):
            return number
    return found


def _sets(line: str, names: list[str]) -> bool:
    """Whether it gives a value to the first of them, or to one within it by a dotted key."""
    left = re.match(r"\s*([\w\"-][\w\".\s-]*?)\s*=", line)
    path = _path(left[1]) if left else []
    return bool(path) and path == names[: len(path)]


def _path(dotted: str) -> list[str]:
    return [part.strip().strip('"') for part in dotted.split(".")]
