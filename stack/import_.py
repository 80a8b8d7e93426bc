"""`bff import`: a scenario out of an access log, or out of what a load run wrote of its requests."""

from pathlib import Path

import click

from bff.catalog.catalog import Catalog, load_catalog
from scenario.writing import to_toml
from simulator.fitting.log import LogError, read_log
from simulator.fitting.scenario import fit_scenario
from stack.refused import WrongUse


def command(name: str, summary: str) -> click.Command:
    return click.Command(
        name,
        callback=import_,
        params=[
            click.Argument(["log"], type=click.Path(path_type=Path, dir_okay=False, exists=True)),
            click.Option(["--operation"], default="checkout", show_default=True, help="What the requests asked for."),
            click.Option(["--service"], help="Whose times the durations are; by default the operation's slowest."),
            click.Option(["--name"], default="imported", show_default=True, help="Of the scenario."),
            click.Option(["--time-column"], help="By default one of timestamp, time, at, ts, date."),
            click.Option(["--duration-column"], help="In seconds, unless it ends in _ms or _us."),
        ],
        help=f"{summary} CSV with a header, or NDJSON. The scenario goes to the terminal, what was found to stderr.",
        epilog=f"Example: bff {name} access.csv --service payments > mine.toml && bff simulate ./mine.toml",
    )


def import_(
    log: Path,
    operation: str,
    service: str | None,
    name: str,
    time_column: str | None,
    duration_column: str | None,
) -> None:
    bottleneck = _bottleneck(load_catalog(), operation, service)
    try:
        fitted = fit_scenario(read_log(log, time_column, duration_column), name, operation, bottleneck)
    except LogError as error:
        raise WrongUse(f"bff import: {error}") from None
    for remark in fitted.remarks:
        click.echo(remark, err=True)
    click.echo("".join(f"# {remark}\n" for remark in fitted.remarks) + to_toml(fitted.scenario), nl=False)


def _bottleneck(catalog: Catalog, operation: str, service: str | None) -> str:
    if operation not in catalog.operations:
        raise WrongUse(f"bff import: no operation {operation!r}; there are: {', '.join(catalog.operations)}")
    called = {call.service: catalog.services[call.service] for call in catalog.operations[operation].calls}
    if service is not None and service not in called:
        raise WrongUse(f"bff import: {operation} does not call {service!r}; it calls: {', '.join(called)}")
    return service or max(called, key=lambda each: called[each].expected_seconds)
