"""The whole page: what was asked, what came of it, and how it came about."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from scenario.comparison.compare import Tolerance, compare
from scenario.comparison.named import Named
from scenario.report import asked, html, latency, outcomes, over_time, side_by_side, verdict
from scenario.report.html import Figure, escape
from scenario.report.marks import defined
from scenario.stage import Stage

MOST_RUNS = 6
_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
_SCRIPT = (Path(__file__).parent / "report.js").read_text(encoding="utf-8")
_STYLE_HASH, _SCRIPT_HASH = (
    f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in (_STYLE, _SCRIPT)
)
"""By which the page says that it runs these and nothing else."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
{marks}
<header><h1>{title}</h1>
{alarm}{lead}</header>
<main>
{body}
</main>
<script>{script}</script>
</body>
</html>
"""


def page(
    stage: Stage, runs: Sequence[Named], *, title: str, explanation: str = "", tolerance: Tolerance | None = None
) -> str:
    """One HTML document that asks the network for nothing. `stage` is what the runs were of; the first of several is
    what the others are compared with, within the `tolerance`. `title` and `explanation` are text: paragraphs by empty
    lines, code between backquotes. Raises ValueError for no runs, more than six, or two of one name.
    """
    if not 1 <= len(runs) <= MOST_RUNS or len({run.name for run in runs}) < len(runs):
        raise ValueError(f"a report is of 1 to {MOST_RUNS} runs, each with a name of its own")
    return _PAGE.format(
        policy=f"default-src 'none'; img-src data:; style-src '{_STYLE_HASH}'; script-src '{_SCRIPT_HASH}'",
        title=escape(title),
        style=_STYLE,
        script=_SCRIPT,
        marks=defined(),
        alarm=verdict.alarm(runs),
        lead=html.prose(explanation),
        body="\n".join(_sections(stage, runs, tolerance)),
    )


def _sections(stage: Stage, runs: Sequence[Named], tolerance: Tolerance | None) -> Iterator[str]:
    numbers = count(1)

    def drawn(figures: Iterator[Figure] | Sequence[Figure]) -> str:
        return "\n".join(html.figure(each, next(numbers)) for each in figures)

    yield html.section("asked", "What was asked", f"{html.prose(asked.asked(stage))}\n{_scenario(stage)}")
    yield html.section("verdict", "What came of it", verdict.verdict(runs))
    if len(runs) > 1:
        yield html.section("apart", "How they differ", "\n".join(_compared(stage, runs, tolerance)))
    if whole := outcomes.figure(runs):
        yield html.section("ends", "How requests ended", drawn([whole]))
    if seconds := drawn(over_time.figures(stage, runs)):
        yield html.section("time", "Second by second", seconds)
    if bands := drawn(latency.figures(runs)):
        yield html.section("latency", "How long it took", bands)
    yield html.section("figures", "All figures", html.table(side_by_side.table(runs)))
    if sender := verdict.sender(runs):
        yield html.section("sender", "The sender", html.table(sender))


def _scenario(stage: Stage) -> str:
    return f'<details class="full"><summary>The scenario in full</summary>{html.table(asked.table(stage))}</details>'


def _compared(stage: Stage, runs: Sequence[Named], tolerance: Tolerance | None) -> Iterator[str]:
    for run in runs[1:]:
        compared = compare(runs[0], run, stage, tolerance)
        yield f"<p>{escape(compared.verdict())}</p>"
        if compared.beyond:
            yield f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in compared.lines())}</ul>"
        if compared.reasons:
            yield f"<p>What may be why:</p>\n<ul>{''.join(f'<li>{escape(why)}</li>' for why in compared.reasons)}</ul>"
