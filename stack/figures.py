"""Figures that commands of a scenario lay beside others, and show as a page."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scenario.comparison.compare import Tolerance, compare
from scenario.comparison.named import Named
from scenario.report.page import page
from scenario.result import Figures, figures_from_json
from scenario.stage import Stage
from stack.refused import WrongUse, this_command


def read_figures(file: Path) -> Figures:
    """What `--json` of `bff load` or `bff simulate` printed. Raises WrongUse."""
    try:
        return figures_from_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(f"{this_command()}: --compare {file}: {error.strerror}") from None
    except ValueError as error:
        raise WrongUse(f"{this_command()}: --compare {file}: {error}") from None


def compared(first: Named, second: Named, stage: Stage) -> Iterator[str]:
    """Lines."""
    found = compare(first, second, stage)
    yield found.verdict()
    yield from (f"  {line}" for line in found.lines())
    yield from (f"  perhaps: {reason}" for reason in found.reasons)


def write_report(
    file: Path,
    stage: Stage,
    runs: Sequence[Named],
    *,
    title: str,
    explanation: str = "",
    tolerance: Tolerance | None = None,
) -> None:
    """Exits with a line where it cannot be written: what it is of has been said."""
    shown = page(stage, runs, title=title, explanation=explanation, tolerance=tolerance)
    try:
        file.write_text(shown, encoding="utf-8")
    except OSError as error:
        sys.exit(f"{this_command()}: --report {file}: {error.strerror}")
