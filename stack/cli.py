"""The console script `bff`. What a command needs is imported when it is asked for: help comes at once."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Command:
    summary: str
    load: Callable[[str, str], click.Command]  # name and summary -> the command


def process(settings: str, run: str, *, example: str) -> Callable[[str, str], click.Command]:
    """A command that runs one process with one settings class; both are named as `module:attribute`."""

    def load(name: str, summary: str) -> click.Command:
        from stack.options import options_of, settings_from

        settings_class = _attribute(settings)

        def callback(**given: Any) -> None:
            valid = settings_from(settings_class, given)
            _attribute(run)(valid)

        return click.Command(
            name,
            callback=callback,
            params=options_of(settings_class),
            help=summary,
            epilog=f"Example: {example}",
        )

    return load


def group(made_by: str) -> Callable[[str, str], click.Command]:
    """Several commands under one name; what makes them of name and summary is named as `module:attribute`."""

    def load(name: str, summary: str) -> click.Command:
        made: click.Command = _attribute(made_by)(name, summary)
        return made

    return load


def _attribute(reference: str) -> Any:
    """Nothing that an import makes is garbage: none is looked for meanwhile."""
    module, _, name = reference.partition(":")
    gc.disable()
    try:
        return getattr(import_module(module), name)
    finally:
        gc.enable()


COMMANDS = {
    "up": Command(
        "Run everything on this machine: Redis, mock downstream, gateway, worker, simulator.",
        process("stack.settings:StackSettings", "stack.up:run", example="bff up --port 8000 --data ./data"),
    ),
    "gateway": Command(
        "Run one gateway.",
        process(
            "gateway.settings:GatewaySettings",
            "gateway.main:run",
            example="bff gateway --port 8000 --redis-url redis://127.0.0.1:6379",
        ),
    ),
    "worker": Command(
        "Run one worker.",
        process(
            "workers.settings:WorkerSettings",
            "workers.main:run",
            example="bff worker --redis-url redis://127.0.0.1:6379",
        ),
    ),
    "mock": Command(
        "Run the mock downstream.",
        process(
            "downstream_mock.settings:MockSettings",
            "downstream_mock.main:run",
            example="bff mock --port 9000",
        ),
    ),
    "simulator": Command(
        "Serve the page on which scenarios are tried.",
        process(
            "simulator.page.settings:SimulatorSettings",
            "simulator.page.main:run",
            example="bff simulator --port 8100",
        ),
    ),
    "export": Command("Write a scenario as what the live stack runs.", group("stack.export:command")),
    "import": Command("Find a scenario in a log.", group("stack.import_:command")),
    "plan": Command("Say whether a scenario can be met, and what it needs.", group("stack.plan:command")),
    "simulate": Command("Compute what a scenario will do.", group("stack.simulate:command")),
    "load": Command("Drive a scenario at a live stack, open loop.", group("stack.load:command")),
    "twin": Command("Drive a scenario and simulate it: do the two agree?", group("stack.twin:command")),
    "key": Command("Make a client's key, its hash, and a webhook secret.", group("stack.keys:command")),
    "rollout": Command("See or set how much of each operation is asynchronous.", group("stack.rollout:commands")),
    "dead-letters": Command("List, replay or discard what was given up.", group("stack.dead_letters:commands")),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if command := COMMANDS.get(cmd_name):
            return command.load(cmd_name, command.summary)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Unlike click's own, loads no command for its summary."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


@click.command(cls=LazyGroup, epilog="Example: bff up")
@click.version_option(package_name="async-bff-gateway", message="%(prog)s %(version)s")
def main() -> None:
    """Asynchronous request-reply in front of slow, rate-limited services."""
