import tomllib

import pytest

from bff.catalog.catalog import load_catalog
from scenario.reading import parse_scenario, read_scenario, shipped_names
from scenario.writing import to_toml


@pytest.mark.parametrize("name", shipped_names())
def test_a_scenario_that_was_written_is_read_back_as_it_was(name: str) -> None:
    catalog = load_catalog()
    scenario = read_scenario(name, catalog)
    text = to_toml(scenario)
    assert parse_scenario(tomllib.loads(text), text, "written", catalog) == scenario
