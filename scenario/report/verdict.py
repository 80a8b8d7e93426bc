"""What came of it, in words: whether the run counts at all, what was met and what was missed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scenario import words
from scenario.alarms import alarms
from scenario.comparison.named import Named
from scenario.report.html import Cell, Table, escape
from scenario.result import Figures, Threshold

NAMES = {
    "success_share": "succeeded",
    "accept_p99_seconds": "99 % accepted or refused within",
    "result_p95_seconds": "95 % of the results within",
    "drain_seconds": "queue empty again after",
}


def verdict(runs: Sequence[Named]) -> str:
    """HTML."""
    return "\n".join(_of(run, several=len(runs) > 1) for run in runs)


def alarm(runs: Sequence[Named]) -> str:
    """HTML, to stand before all else: which runs are invalid, or lost something."""
    several = len(runs) > 1
    said = [f"{run.name}: {each}" if several else each for run in runs for each in alarms(run.figures)]
    return "".join(f'<p class="alarm">{escape(each[0].upper() + each[1:])}</p>\n' for each in said)


def said(figures: Figures) -> str:
    """The verdict in a sentence."""
    missed = sum(not each.met for each in figures.slo)
    if not figures.slo:
        return "No thresholds were set."
    if not missed:
        return "All thresholds were met." if len(figures.slo) > 1 else "The threshold was met."
    return f"{missed} of {words.many(len(figures.slo), 'threshold')} {'was' if missed == 1 else 'were'} missed."


def _of(run: Named, *, several: bool) -> str:
    figures = run.figures
    head = f"<h3>{escape(run.name)}</h3>\n" if several else ""
    state = "met" if figures.met else "missed"
    ends = escape(f"{said(figures)} {ends_sentence(figures)}")
    items = "".join(_threshold(each) for each in figures.slo)
    return f'{head}<p class="verdict {state}">{ends}</p>\n{f"<ul>{items}</ul>" if items else ""}'


def ends_sentence(figures: Figures, run: str = "") -> str:
    """Of a run by its name, where there are others."""
    shares = [(name, part) for name, part in figures.shares.items() if part > 0]
    shares.sort(key=lambda each: -each[1])
    parts = [f"{words.share(part)} {name.replace('_', ' ')}" for name, part in shares]
    if not parts:
        return f"Nothing was offered{f' in {run}' if run else ''}."
    return f"Of {words.many(figures.offered, 'request')}{f', {run}' if run else ''}: {words.listed(parts)}."


def _threshold(each: Threshold) -> str:
    at_least = each.name.endswith("_share")
    show = words.share if at_least else words.seconds
    got = ": nothing to measure" if each.got is None else f" {show(each.got)}"
    name = NAMES.get(each.name, each.name.replace("_", " "))
    if each.got is None:
        name = name.removesuffix(" within").removesuffix(" after")
    wanted = f"wanted {'at least' if at_least else 'at most'} {show(each.wanted)}"
    mark = "✓ met" if each.met else "✗ missed"
    return f'<li><b class="{"met" if each.met else "missed"}">{mark}</b>: {escape(f"{name}{got}; {wanted}")}</li>'


def sender(runs: Sequence[Named]) -> Table | None:
    """What only load runs know: of the sender, and of what the mock counted."""
    known = [(run.name, dict(_flat(run.figures.load or {}))) for run in runs]
    names = dict.fromkeys(name for _, of in known for name in of)
    rows = [
        [Cell(name.replace("_", " ").capitalize()), *(of.get(name, Cell("–")) for _, of in known)] for name in names
    ]
    return Table("What the load tester knows beside", ["Of", *(run for run, _ in known)], rows) if rows else None


def _flat(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Cell]]:
    """Single values, those of tables in it too; of lists nothing."""
    for name, value in document.items():
        if isinstance(value, bool):
            yield path + name, Cell("yes" if value else "no")
        elif isinstance(value, int | float):
            yield path + name, Cell(words.number(value), value)
        elif isinstance(value, str):
            yield path + name, Cell(value)
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}: ")
