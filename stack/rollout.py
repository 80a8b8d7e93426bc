"""`bff rollout`: how much of each operation is asynchronous, seen and changed while everything runs."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import click

from bff.broker.cell import Cell
from bff.broker.rollout import Rollout
from bff.settings import BrokerSettings
from stack.options import options_of, settings_from
from stack.refused import WrongUse
from stack.visit import visit

Act = Callable[[Rollout], Awaitable[None]]


def commands(name: str, summary: str) -> click.Group:
    """The group, for the console script."""
    operation = click.Argument(["operation"])
    percent = click.Argument(["percent"], type=float)
    json_ = click.Option(["--json", "json_"], is_flag=True, help="Print JSON.")
    return click.Group(
        name,
        commands=[
            _command("show", "Show it, of each operation.", [], json_, _nothing, f"bff {name} show --json"),
            _command(
                "set",
                "Set it, 0 to 100, to two decimals. All gateways follow within a second.",
                [operation, percent],
                json_,
                _set,
                f"bff {name} set checkout 25",
            ),
            _command(
                "reset",
                "Back to what the catalog says (`async_percent` of the operation).",
                [operation],
                json_,
                _reset,
                f"bff {name} reset checkout",
            ),
        ],
        help=summary,
        epilog=f"Example: bff {name} set checkout 5",
    )


def _command(
    name: str,
    summary: str,
    arguments: list[click.Parameter],
    json_: click.Parameter,
    act: Callable[..., Act],
    example: str,
) -> click.Command:
    def callback(json_: bool, **given: Any) -> None:
        words = {argument.name: given.pop(argument.name) for argument in arguments if argument.name}
        settings = settings_from(BrokerSettings, given)

        async def done(cell: Cell) -> bool:
            rollout = Rollout(cell)
            await rollout.run_once()
            if (operation := words.get("operation")) is not None and operation not in rollout.percentages:
                raise WrongUse(f"no operation {operation!r}; there are: {', '.join(rollout.percentages)}")
            await act(**words)(rollout)
            _say(rollout, json_)
            return True

        visit("bff rollout", settings, done)

    params = [*arguments, json_, *options_of(BrokerSettings)]
    return click.Command(name, callback=callback, params=params, help=summary, epilog=f"Example: {example}")


def _nothing() -> Act:
    async def act(rollout: Rollout) -> None:
        return None

    return act


def _set(operation: str, percent: float) -> Act:
    async def act(rollout: Rollout) -> None:
        try:
            await rollout.set(operation, percent)
        except ValueError as error:
            raise WrongUse(str(error)) from None

    return act


def _reset(operation: str) -> Act:
    async def act(rollout: Rollout) -> None:
        await rollout.reset(operation)

    return act


def _say(rollout: Rollout, json_: bool) -> None:
    if json_:
        shares = [{"operation": name, "async_percent": percent} for name, percent in rollout.percentages.items()]
        click.echo(json.dumps({"rollout": shares}, indent=2))
        return
    for name, percent in rollout.percentages.items():
        click.echo(f"{name:<20}  {percent:6.2f} % asynchronous")
