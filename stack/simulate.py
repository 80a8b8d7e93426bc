"""`bff simulate`: what a scenario will do, computed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import click

from scenario.comparison.named import Named
from scenario.model import Pattern
from scenario.result import Source
from scenario.stage import Stage
from scenario.text.summary import page
from simulator.replications import simulate
from stack.figures import compared, read_figures, write_report
from stack.scenarios import scenario_options, staged

MISSED = 99
QUIET_SECONDS = 1.0
"""A shorter run says nothing on its way."""


def command(name: str, summary: str) -> click.Command:
    return click.Command(
        name,
        callback=simulated,
        params=[*scenario_options(), *_options()],
        help=f"{summary}\n\nExit codes: 0 good, 1 failed, 2 wrong use, 99 a threshold was missed.",
        epilog=f"Example: bff {name} flash-sale --replications 5",
    )


def _options() -> list[click.Parameter]:
    return [
        click.Option(["--replications"], type=click.IntRange(1, 10_000), help="Instead of the scenario's."),
        click.Option(["--pattern"], type=click.Choice([each.value for each in Pattern]), help="Likewise."),
        click.Option(["--json", "json_"], is_flag=True, help="Print the figures as JSON."),
        click.Option(["--report"], type=_FILE, metavar="FILE.html", help="Write a page with charts there."),
        click.Option(
            ["--compare"],
            type=_FILE,
            metavar="FILE.json",
            help="Lay it on these figures: what `bff load --json` or `bff simulate --json` printed.",
        ),
    ]


_FILE = click.Path(path_type=Path, dir_okay=False)


def simulated(json_: bool, pattern: str | None, report: Path | None, compare: Path | None, **given: object) -> None:
    stage, _ = staged(pattern=None if pattern is None else Pattern(pattern), **given)
    other = None if compare is None else _other(compare)
    figures = simulate(stage, _progress(stage.scenario.replications))
    runs = [Named("predicted" if other and other.figures.source is Source.LOAD else "this run", figures)]
    runs += [other] if other else []
    click.echo(json.dumps(figures.to_json()) if json_ else _text(stage, runs), nl=json_)
    if report is not None:
        write_report(report, stage, runs, title=f"{figures.scenario}, simulated")
    sys.exit(0 if figures.met else MISSED)


def _text(stage: Stage, runs: list[Named]) -> str:
    text = page(runs[0].figures, stage)
    for other in runs[1:]:
        text += "\n" + "".join(f"  {line}\n" for line in compared(runs[0], other, stage))
    return text


def _other(file: Path) -> Named:
    """Raises WrongUse."""
    figures = read_figures(file)
    return Named("measured" if figures.source is Source.LOAD else "that run", figures)


def _progress(replications: int) -> Callable[[int], None]:
    """On stderr, once it takes longer."""
    began = perf_counter()

    def progress(done: int) -> None:
        took = perf_counter() - began
        if took < QUIET_SECONDS:
            return
        left = took / done * (replications - done)
        if sys.stderr.isatty():
            end = "\n" if done == replications else ""
            click.echo(f"\r{done} of {replications} replications, {left:.0f} s left \x1b[K{end}", err=True, nl=False)
        elif done == replications:
            click.echo(f"{done} replications in {took:.1f} s", err=True)

    return progress
