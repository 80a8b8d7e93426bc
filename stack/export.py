"""`bff export`: a scenario as what the live stack runs."""

from collections.abc import Mapping
from pathlib import Path

import click

from scenario.export import NotExported, services_toml, settings
from scenario.stage import Stage
from stack.refused import WrongUse
from stack.scenarios import scenario_options, staged


def command(name: str, summary: str) -> click.Command:
    directory = click.Option(
        ["--directory", "-d"],
        type=click.Path(path_type=Path, file_okay=False),
        help="Write services.toml there (and settings.env, where any are needed), not to the terminal.",
    )
    return click.Command(
        name,
        callback=export,
        params=[*scenario_options(), directory],
        help=summary,
        epilog=f"Example: bff {name} flash-sale-sized -d sized && SERVICES_FILE=sized/services.toml bff up",
    )


def export(directory: Path | None, **given: object) -> None:
    stage, catalog = staged(**given)
    try:
        services = services_toml(stage, catalog)
    except NotExported as error:
        raise WrongUse(f"bff export: {error}") from None
    if directory is None:
        click.echo("".join(f"# {line}\n" for line in _settings(stage)) + services, nl=False)
        return
    files = {"services.toml": services, "settings.env": "".join(f"{line}\n" for line in _settings(stage))}
    try:
        _write(directory, files)
    except OSError as error:
        raise WrongUse(f"bff export: {directory}: {error.strerror}") from None
    click.echo(", ".join(f"{directory}/{name}" for name, text in files.items() if text), err=True)


def _write(directory: Path, files: Mapping[str, str]) -> None:
    """What has nothing in it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text:
            (directory / name).write_text(text, encoding="utf-8")
        else:
            (directory / name).unlink(missing_ok=True)


def _settings(stage: Stage) -> list[str]:
    return [f"{name}={value}" for name, value in settings(stage).items()]
