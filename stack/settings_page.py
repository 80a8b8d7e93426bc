"""docs/settings.md, made from the settings classes: `python -m stack.settings_page` prints it."""

import sys
from importlib import import_module

from stack.options import Setting, settings_of

PROCESSES = {
    "bff up": "stack.settings:StackSettings",
    "bff gateway": "gateway.settings:GatewaySettings",
    "bff worker": "workers.settings:WorkerSettings",
    "bff mock": "downstream_mock.settings:MockSettings",
    "bff simulator": "simulator.page.settings:SimulatorSettings",
    "bff rollout": "bff.settings:BrokerSettings",
    "bff dead-letters": "bff.settings:KeepingSettings",
}

_HEAD = """# Settings

Made from the settings classes by `make docs`; a test holds it to them. Every setting is a flag of its command and an
environment variable; the flag wins. `arq workers.main.WorkerSettings` reads the variables of `bff worker`.
What services can carry is not here: it stands in [services.toml](../bff/catalog/services.toml) (`--services`).
"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEAD, *(_process(command, reference) for command, reference in PROCESSES.items())])


def _process(command: str, reference: str) -> str:
    module, _, name = reference.partition(":")
    rows = [_row(setting) for setting in settings_of(getattr(import_module(module), name))]
    head = ["| flag | variable | default | what it does |", "|---|---|---|---|"]
    return "\n".join([f"## `{command}`", "", *head, *rows, ""])


def _row(setting: Setting) -> str:
    default = setting.field.get_default(call_default_factory=True)
    shown = "" if default in (None, "") else f"`{_portable(str(default))}`"
    flag = f"{setting.flag} {setting.metavar or ''}".strip()
    allowed = f" {setting.bounds.capitalize()}." if setting.bounds else ""
    return f"| `{flag}` | `{setting.variable}` | {shown} | {setting.field.description}{allowed} |"


def _portable(default: str) -> str:
    """A file of the project by its place in it."""
    _, found, rest = default.partition("bff/catalog/")
    return found + rest if found else default


if __name__ == "__main__":
    sys.stdout.write(page())
