"""Where a scenario is driven: at a gateway that is there, or at a stack of its own."""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import click
from click.core import ParameterSource

from bff.catalog.catalog import Catalog
from loadtest.client.target import NotATarget, Target, checked_url
from loadtest.progress import Observer
from scenario.export import NotExported
from scenario.stage import Stage
from stack.own_stack import OwnStack, StackDied, own_stack
from stack.refused import WrongUse, this_command

MOCK_URL = "http://127.0.0.1:9000"
OF_A_TARGET = {
    "mock": "--mock",
    "metrics": "--metrics",
    "keys": "--key",
    "admin_key": "--admin-key",
    "allow_remote": "--allow-remote",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """As the options have it."""

    target: str | None
    mock: str | None
    metrics: tuple[str, ...]
    keys: tuple[str, ...]
    admin_key: str | None
    allow_remote: bool
    workers: int | None


@dataclass(frozen=True, slots=True)
class Place:
    target: Target
    mock_url: str
    metrics_urls: Sequence[str]
    own: OwnStack | None = None

    @property
    def observers(self) -> list[Observer]:
        return [self.own] if self.own else []

    def notes(self) -> list[str]:
        return self.own.restarts() if self.own else []


def place_options() -> list[click.Parameter]:
    return [
        click.Option(["--target"], metavar="URL", help="The gateway. By default, one of a stack of its own."),
        click.Option(
            ["--mock"],
            metavar="URL",
            envvar="DOWNSTREAM_URL",
            show_envvar=True,
            help=f"The target's mock downstream: takes its service times from the scenario while the run lasts. "
            f"By default {MOCK_URL}.",
        ),
        click.Option(
            ["--metrics"],
            metavar="URL",
            multiple=True,
            help="Metrics of the target's gateways and workers, each. By default TARGET/metrics.",
        ),
        click.Option(["--key", "keys"], metavar="KEY", multiple=True, help="Of a client; several are taken in turn."),
        click.Option(
            ["--admin-key"],
            metavar="KEY",
            envvar="ADMIN_KEY",
            show_envvar=True,
            help="An operator's: a synchronous scenario sets the rollout with it.",
        ),
        click.Option(["--allow-remote"], is_flag=True, help="The target is not this machine, and yours to load."),
        click.Option(["--workers"], type=click.IntRange(1, 32), help="Of its own stack. By default 1."),
    ]


def asked_of(given: dict[str, Any]) -> Asked:
    """What `place_options` gave, taken out of `given`. Raises WrongUse."""
    asked = Asked(**{field.name: given.pop(field.name) for field in fields(Asked)})
    checked(asked, _on_the_command_line())
    return asked


def _on_the_command_line() -> set[str]:
    context = click.get_current_context()
    return {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}


def checked(asked: Asked, given: Collection[str]) -> None:
    """`given` names the options that were, on the command line. Raises WrongUse."""
    if asked.target is not None:
        if "workers" in given:
            raise WrongUse(f"{this_command()}: --workers is about a stack of its own, and --target names another")
        _at(asked, asked.target)
    elif about := [flag for name, flag in OF_A_TARGET.items() if name in given]:
        raise WrongUse(f"{this_command()}: {about[0]} is about a --target, and none was given")


@contextmanager
def place_for(asked: Asked, stage: Stage, catalog: Catalog) -> Iterator[Place]:
    """What was asked has been checked. Exits with a line where there is no such place."""
    if asked.target is not None:
        yield _at(asked, asked.target)
        return
    click.echo(f"{this_command()}: starting a stack for {stage.scenario.name}", err=True)
    try:
        with own_stack(stage, catalog, asked.workers or 1) as own:
            target = Target.of(own.gateway_url, admin_key=own.admin_key)
            yield Place(target, own.urls["mock"], own.metrics_urls, own)
    except NotExported as error:
        raise WrongUse(f"{this_command()}: {error}") from None
    except StackDied as error:
        sys.exit(f"{this_command()}: {error}")


def _at(asked: Asked, url: str) -> Place:
    """Raises WrongUse."""
    remote = asked.allow_remote
    try:
        target = Target.of(url, asked.keys, asked.admin_key, may_be_remote=remote)
        mock_url = checked_url(asked.mock or MOCK_URL, may_be_remote=remote)
        metrics = [checked_url(each, may_be_remote=remote) for each in asked.metrics] or [f"{target.url}/metrics"]
    except NotATarget as error:
        raise WrongUse(f"{this_command()}: {error}") from None
    return Place(target, mock_url, metrics)
