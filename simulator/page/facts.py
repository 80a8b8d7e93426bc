"""What the page is made from: the keys of a scenario, what is offered, and the shipped scenarios."""

from typing import Any

from bff.catalog.catalog import Catalog
from scenario.model import Scenario
from scenario.reading import find_scenario, read_scenario, shipped_names


def facts(catalog: Catalog) -> dict[str, Any]:
    """Raises ScenarioError where a shipped scenario does not go with the catalog."""
    return {
        "schema": Scenario.model_json_schema(),
        "operations": {
            name: {"services": list(dict.fromkeys(call.service for call in operation.calls))}
            for name, operation in catalog.operations.items()
        },
        "services": {
            name: {"max_concurrency": service.max_concurrency, "mean_seconds": service.expected_seconds}
            for name, service in catalog.services.items()
        },
        "presets": [_preset(name, catalog) for name in shipped_names()],
    }


def _preset(name: str, catalog: Catalog) -> dict[str, Any]:
    return {
        "about": _about(find_scenario(name).read_text(encoding="utf-8")),
        "scenario": read_scenario(name, catalog).model_dump(mode="json"),
    }


def _about(text: str) -> str:
    """The question at its head. The answer beside it is the file's alone: on the page everything can be changed."""
    question, mark, _ = text.removeprefix("# ").partition("?")
    return question + mark
