"""`bff load`: a scenario driven at a live stack."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from bff.catalog.catalog import Catalog
from loadtest.drive import Driven
from loadtest.hdr import NoHdrHistogram, require_hdrhistogram
from scenario.comparison.named import Named
from scenario.model import Pattern
from scenario.result import Source
from scenario.stage import Stage, stage_of
from scenario.text.side_by_side import side_by_side
from scenario.text.summary import page
from stack.figures import compared, read_figures, write_report
from stack.load_once import Files, driven
from stack.place import Asked, asked_of, place_for, place_options
from stack.refused import WrongUse
from stack.scenarios import scenario_options, staged

FAILED = 1
INVALID = 3
MISSED = 99

CODES = "Exit codes: 0 good, 1 failed (no gateway, jobs lost, effects doubled), 2 wrong use, 3 invalid run, 99 a "
CODES += "threshold was missed."


def command(name: str, summary: str) -> click.Command:
    return click.Command(
        name,
        callback=load,
        params=[*scenario_options(), *place_options(), *_options()],
        help=f"{summary}\n\n{CODES}",
        epilog=f"Example: bff {name} smoke --json",
    )


def _file(flag: str, what: str) -> click.Option:
    return click.Option(flag.split(), type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=what)


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--against"],
            type=click.Choice([each.value for each in Pattern]),
            help="Run the same arrivals by this pattern too, and lay the two beside each other.",
        ),
        _file("--compare compared_with", "Lay an earlier --json of this, or of `bff simulate`, beside the run."),
        _file("--report", "Write a report as one HTML page there."),
        _file("--ndjson", "Write an object for each second there, while it goes on."),
        _file("--requests", "Write an object for each request there, for `bff import` too."),
        click.Option(
            ["--hdr"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Write the latencies there, as HdrHistogram interval logs.",
        ),
        click.Option(["--json", "json_"], is_flag=True, help="Print the figures as JSON."),
    ]


def load(
    against: str | None,
    compared_with: Path | None,
    report: Path | None,
    ndjson: Path | None,
    requests: Path | None,
    hdr: Path | None,
    json_: bool,
    **given: object,
) -> None:
    files, asked = Files(ndjson=ndjson, requests=requests, hdr=hdr), asked_of(given)
    stage, catalog = staged(**given)
    stages = _stages(stage, catalog, against, files)
    earlier = _earlier(compared_with)
    runs = {name: _run(each, catalog, asked, files) for name, each in stages.items()}
    _say(runs, stages, earlier, json_=json_)
    if report is not None:
        _report(report, stage, runs, earlier)
    sys.exit(exit_code([*runs.values()]))


def _stages(stage: Stage, catalog: Catalog, against: str | None, files: Files) -> dict[str, Stage]:
    """What is run, by its pattern: the scenario as it is, and as it is not. Raises WrongUse."""
    pattern = stage.scenario.pattern
    if files.hdr:
        try:
            require_hdrhistogram()
        except NoHdrHistogram as error:
            raise WrongUse(f"bff load: {error}") from None
    if against is None:
        return {pattern.value: stage}
    if against == pattern:
        raise WrongUse(f"bff load: --against {against}: the scenario is {against} itself")
    if files:
        raise WrongUse("bff load: --ndjson, --requests and --hdr are of one run; leave out --against")
    other = stage_of(stage.scenario.model_copy(update={"pattern": Pattern(against)}), catalog)
    return {pattern.value: stage, against: other}


def _earlier(file: Path | None) -> Named | None:
    """Raises WrongUse."""
    if file is None:
        return None
    figures = read_figures(file)
    return Named("predicted" if figures.source is Source.SIMULATION else "earlier", figures)


def _run(stage: Stage, catalog: Catalog, asked: Asked, files: Files) -> Driven:
    with place_for(asked, stage, catalog) as place:
        run = driven(stage, place, files)
    for note in [*run.notes, *run.failures]:
        click.echo(f"bff load: {note}", err=True)
    return run


def _say(runs: Mapping[str, Driven], stages: Mapping[str, Stage], earlier: Named | None, *, json_: bool) -> None:
    figures = {name: run.figures for name, run in runs.items()}
    if json_:
        for run in runs.values():
            for reason in run.invalid:
                click.echo(f"bff load: invalid run: {reason}", err=True)
        documents = {name: each.to_json() for name, each in figures.items()}
        click.echo(json.dumps(documents if len(documents) > 1 else next(iter(documents.values()))))
    elif len(runs) > 1:
        scenario = next(iter(stages.values())).scenario.name
        click.echo(side_by_side(figures, f"{scenario}, the same arrivals both ways"), nl=False)
    else:
        ((name, stage),) = stages.items()
        click.echo(page(figures[name], stage), nl=False)
        if earlier:
            click.echo()
            for line in compared(earlier, Named("measured", figures[name]), stage):
                click.echo(f"  {line}")


def _report(file: Path, stage: Stage, runs: Mapping[str, Driven], earlier: Named | None) -> None:
    several = len(runs) > 1
    named = [Named(name if several else "measured", run.figures) for name, run in runs.items()]
    write_report(file, stage, [earlier, *named] if earlier else named, title=stage.scenario.name)


def exit_code(runs: Sequence[Driven]) -> int:
    """The worst of what there is to say; thresholds are those of the first, as the scenario has it."""
    if any(run.failures for run in runs):
        return FAILED
    if any(run.invalid for run in runs):
        return INVALID
    return 0 if runs[0].figures.met else MISSED
