"""What commands that are about a scenario have in common: how it is named, scaled and read."""

from typing import Any

import click

from bff.catalog.catalog import Catalog, load_catalog
from bff.catalog.tables import CatalogError
from scenario.reading import ScenarioError, read_scenario, scaled_scenario
from scenario.stage import Stage, scaled_catalog, stage_of
from stack.finite import FiniteRange
from stack.refused import WrongUse


def scenario_options() -> list[click.Parameter]:
    return [
        click.Argument(["scenario"]),
        click.Option(
            ["--scale"],
            type=FiniteRange(0, 1000, min_open=True),
            default=1.0,
            show_default=True,
            help="Rates, slots and capacities times this.",
        ),
        click.Option(["--seed"], type=click.IntRange(0, 2**31 - 1), help="Instead of the scenario's."),
    ]


def staged(scenario: Any, scale: Any = 1.0, seed: Any = None, **changed: Any) -> tuple[Stage, Catalog]:
    """The scenario of that name, scaled, with what was `changed` (not None) by options. Raises WrongUse."""
    try:
        catalog = load_catalog()
        read = scaled_scenario(read_scenario(str(scenario), catalog), scale, catalog)
    except (CatalogError, ScenarioError) as error:
        raise WrongUse(str(error)) from None
    asked = {key: value for key, value in {"seed": seed, **changed}.items() if value is not None}
    catalog = scaled_catalog(catalog, scale)
    return stage_of(read.model_copy(update=asked), catalog), catalog
