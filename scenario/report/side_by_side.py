"""All figures of all runs in one table, with what each run differs by from the first."""

from collections.abc import Iterator, Sequence

from scenario import words
from scenario.comparison.measures import Measure, measures
from scenario.comparison.named import Named
from scenario.report.html import Cell, Table


def table(runs: Sequence[Named]) -> Table:
    found = [measures(run.figures) for run in runs]
    named = {name: measure for each in reversed(found) for name, measure in each.items()}
    order = dict.fromkeys(name for each in found for name in each)
    first = runs[0].name
    heads = ["Figure", first]
    for run in runs[1:]:
        heads += [run.name, f"{run.name} − {first}", "in %"]
    rows = [list(_row(named[name], runs, [each.get(name) for each in found])) for name in order]
    several = "All figures, and how they differ" if len(runs) > 1 else "All figures"
    return Table(several, heads, rows)


def _row(measure: Measure, runs: Sequence[Named], found: Sequence[Measure | None]) -> Iterator[Cell]:
    yield Cell(measure.label.capitalize())
    values = [None if each is None else each.value for each in found]
    for index, (run, value) in enumerate(zip(runs, values, strict=True)):
        yield _value(measure, run, value)
        if index:
            yield from _difference(measure, values[0], value)


def _value(measure: Measure, run: Named, value: float | None) -> Cell:
    if value is None:
        return Cell("–")
    text = measure.unit.show(value)
    if interval := run.figures.interval_95.get(measure.name):
        text += f" ± {measure.unit.show((interval[1] - interval[0]) / 2)}"
    return Cell(text, value)


def _difference(measure: Measure, first: float | None, value: float | None) -> Iterator[Cell]:
    if first is None or value is None:
        yield from (Cell("–"), Cell("–"))
        return
    apart = value - first
    yield Cell(measure.unit.difference(apart), apart)
    yield Cell(words.change(apart / abs(first)), apart / abs(first)) if first else Cell("–")
