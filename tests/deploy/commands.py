"""What containers run, held to the commands that there are."""

from collections.abc import Mapping, Sequence
from importlib import import_module

import pytest
from pydantic_settings import BaseSettings

from stack.cli import COMMANDS
from stack.options import settings_from
from stack.settings_page import PROCESSES


def settings_class(command: str) -> type[BaseSettings]:
    module, _, name = PROCESSES[f"bff {command}"].partition(":")
    found: type[BaseSettings] = getattr(import_module(module), name)
    return found


def told(argv: Sequence[str], environment: Mapping[str, str]) -> BaseSettings:
    """The settings that a process has which is started so. Raises where a flag or a value is none."""
    program, command, *words = argv
    assert program == "bff"
    flags = COMMANDS[command].load(command, "").make_context(command, [*words]).params
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return settings_from(settings_class(command), flags)
