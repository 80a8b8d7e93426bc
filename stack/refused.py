"""Why a command does not do what it was asked."""

import click


class Refused(Exception):
    """`bff up` does not start. One line: what is wrong, and what to do."""


class WrongUse(click.ClickException):
    """One line, without the usage that click's own would print before it."""

    exit_code = 2


def this_command() -> str:
    """What was called, for a line that it says: `bff load`."""
    context = click.get_current_context(silent=True)
    return f"bff {context.info_name}" if context and context.info_name else "bff"
