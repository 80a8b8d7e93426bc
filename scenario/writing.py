"""A scenario as its file."""

from collections.abc import Iterator, Mapping
from typing import Any

from scenario.export import toml
from scenario.model import Scenario


def to_toml(scenario: Scenario) -> str:
    """Every key, defaults too: what is read back is the same, whatever later versions take for a default."""
    document = scenario.model_dump(mode="json", exclude_none=True)
    return "\n".join(_lines(document)).lstrip("\n") + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    lists = {key: value for key, value in document.items() if isinstance(value, list)}
    for key, value in document.items():
        if key not in tables and key not in lists:
            yield f"{key} = {toml(value)}"
    for key, table in tables.items():
        inner = {name: value for name, value in table.items() if name != "spikes"}
        yield from ("", f"[{key}]", *(f"{name} = {_inline(value)}" for name, value in inner.items()))
        for spike in table.get("spikes", ()):
            yield from ("", f"[[{key}.spikes]]", *(f"{name} = {toml(value)}" for name, value in spike.items()))
    for key, elements in lists.items():
        for element in elements:
            yield from ("", f"[[{key}]]", *(f"{name} = {toml(value)}" for name, value in element.items()))


def _inline(value: Any) -> str:
    return "[" + ", ".join(toml(each) for each in value) + "]" if isinstance(value, list) else toml(value)
