"""`bff twin`: a scenario driven and simulated, and the two laid on one another."""

import json
import sys
from pathlib import Path

import click

from loadtest.drive import Driven
from loadtest.observed import observed
from scenario.comparison.named import Named
from scenario.comparison.observed import Observed
from scenario.comparison.twin import TOLERANCE, Predicted, Twin, chance
from scenario.stage import Stage
from scenario.text.twin import added, document, page, tolerance, verdict
from simulator.means import mean_of
from simulator.replayed import replayed
from stack.figures import write_report
from stack.load import FAILED, INVALID
from stack.load_once import Files, driven
from stack.place import asked_of, place_for, place_options
from stack.scenarios import scenario_options, staged

DIFFERENT = 99

CODES = "Exit codes: 0 they agree, 1 failed (no gateway, jobs lost, effects doubled), 2 wrong use, 3 invalid run, 99 "
CODES += "they do not agree."


def command(name: str, summary: str) -> click.Command:
    return click.Command(
        name,
        callback=twinned,
        params=[*scenario_options(), *place_options(), *_options()],
        help=f"{summary}\n\n{CODES}",
        epilog=f"Example: bff {name} flash-sale --scale 0.1",
    )


def _options() -> list[click.Parameter]:
    file = click.Path(path_type=Path, dir_okay=False)
    return [
        click.Option(["--replications"], type=click.IntRange(1, 10_000), help="Of the simulation."),
        click.Option(["--json", "json_"], is_flag=True, help="Print all of it as JSON."),
        click.Option(["--report"], type=file, metavar="FILE.html", help="Write a page with charts there."),
        click.Option(["--requests"], type=file, metavar="FILE", help="Write each driven request, for `bff import`."),
    ]


def twinned(json_: bool, report: Path | None, requests: Path | None, **given: object) -> None:
    asked = asked_of(given)
    stage, catalog = staged(**given)
    with place_for(asked, stage, catalog) as place:
        run = driven(stage, place, Files(requests=requests))
    for note in [*run.notes, *run.failures, *(f"invalid run: {reason}" for reason in run.invalid)]:
        click.echo(f"bff twin: {note}", err=True)
    if run.invalid:
        sys.exit(INVALID)
    twin = twin_of(stage, run)
    click.echo(json.dumps(document(twin)) if json_ else page(twin), nl=json_)
    if report is not None:
        _write(report, twin)
    sys.exit(FAILED if run.failures else 0 if twin.agree else DIFFERENT)


def twin_of(stage: Stage, run: Driven) -> Twin:
    """`stage` is what is simulated."""
    seen = observed(stage, run.record)
    steps = [_predicted(stage, each) for each in seen.in_steps()]
    return Twin(stage=stage, steps=steps, observed=seen, measured=run.figures)


def _predicted(stage: Stage, given: Observed) -> Predicted:
    replications = replayed(stage, given)
    return Predicted(mean_of(replications, stage.scenario.slo), chance(replications))


def _write(file: Path, twin: Twin) -> None:
    runs = [
        Named("measured", twin.measured),
        Named("as stated", twin.steps[0].figures),
        Named("as fitted", twin.steps[-1].figures),
    ]
    said = [verdict(twin), tolerance(), *(f"{line[0].upper()}{line[1:]}." for line in added(twin))]
    title = f"{twin.measured.scenario}, predicted and measured"
    write_report(file, twin.stage, runs, title=title, explanation="\n\n".join(said), tolerance=TOLERANCE)
