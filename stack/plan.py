"""`bff plan`: whether a scenario can be met, what would meet it, and how near the edge that is."""

import json
import sys
from collections.abc import Callable
from time import perf_counter

import click

from simulator.planner.calculators import NoPlan
from simulator.planner.page import page
from simulator.planner.plan import plan
from stack.finite import FiniteRange
from stack.refused import WrongUse
from stack.scenarios import scenario_options, staged

MISSED = 99
QUIET_SECONDS = 2.0
"""A shorter one says nothing on its way."""


def command(name: str, summary: str) -> click.Command:
    return click.Command(
        name,
        callback=planned,
        params=[*scenario_options(), *_options()],
        help=f"{summary}\n\nExit codes: 0 feasible as it stands, 2 wrong use, 99 not feasible as it stands.",
        epilog=f"Example: bff {name} flash-sale",
    )


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--lead-seconds"],
            type=FiniteRange(0, 86_400),
            default=60.0,
            show_default=True,
            help="From an alarm until new capacity serves.",
        ),
        click.Option(
            ["--workers"],
            type=click.IntRange(2, 10_000),
            default=4,
            show_default=True,
            help="Processes over which the slots are spread: one of them is lost.",
        ),
        click.Option(["--json", "json_"], is_flag=True, help="Print JSON."),
    ]


def planned(lead_seconds: float, workers: int, json_: bool, **given: object) -> None:
    stage, _ = staged(**given)
    try:
        made = plan(stage, lead_seconds=lead_seconds, workers=workers, said=_progress())
    except NoPlan as error:
        raise WrongUse(f"bff plan: {stage.scenario.name}: {error}") from None
    click.echo(json.dumps(made.to_json()) if json_ else page(made), nl=json_)
    sys.exit(0 if made.feasible else MISSED)


def _progress() -> Callable[[str], None]:
    began = perf_counter()

    def said(what: str) -> None:
        if perf_counter() - began > QUIET_SECONDS:
            click.echo(f"bff plan: {what} …", err=True)

    return said
