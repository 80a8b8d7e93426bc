"""Elements of the page: what these functions return is HTML, what they take is text, unless a name says otherwise."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as escaped


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as it reads, and exactly."""

    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`heads` of all columns; the first of each row's cells is its head."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: the `kind` of mark (line, fill, range) in the style of a class."""

    label: str
    style: str
    kind: str = "line"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, what it shows in a sentence or two, and what it was drawn from."""

    name: str
    """Of no other figure on the page."""
    svg: str
    says: str
    data: Table
    keys: Sequence[Key] = ()
    details: bool = True
    """Whether the table is folded away."""


def escape(text: str) -> str:
    """A number and its unit stay on one line."""
    return re.sub(r"(?<=\d) (?=(?:%|s|ms)(?!\w))", "\u00a0", escaped(text))


def scrolled(inner_html: str, label: str) -> str:
    """What may be wider than the page scrolls in itself, by keyboard too."""
    return f'<div class="wide" role="group" tabindex="0" aria-label="{escape(label)}">{inner_html}</div>'


def table(shown: Table) -> str:
    numbers = ' class="numbers"' if any(cell.value is not None for row in shown.rows for cell in row[1:]) else ""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in shown.heads)
    rows = "\n".join(_row(row) for row in shown.rows)
    return scrolled(
        f"<table{numbers}><caption>{escape(shown.caption)}</caption>"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table>",
        f"Table: {shown.caption}",
    )


def figure(shown: Figure, number: int) -> str:
    data = table(shown.data)
    if shown.details:
        data = f"<details><summary>Data: {escape(shown.name)}</summary>{data}</details>"
    return f"""<figure>
<figcaption id="says-{number}"><b>{escape(shown.name)}.</b> {escape(shown.says)}</figcaption>
{legend(shown.keys)}{scrolled(_described(shown.svg, number), f"Chart: {shown.name}")}
{data}
</figure>"""


def legend(keys: Sequence[Key]) -> str:
    return f'<ul class="legend">{"".join(map(_key, keys))}</ul>\n' if keys else ""


def prose(text: str) -> str:
    """Paragraphs, set apart by an empty line; words between backquotes are code."""
    return "\n".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n") if part)


def section(name: str, title: str, inner_html: str) -> str:
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{inner_html}\n</section>'


def svg_text(x: float, y: float, text: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'


def svg(width: int, height: int, label: str, inner: Sequence[str], attributes: str = "") -> str:
    """A drawing for the eye; `label` stands for it elsewhere, beside the caption and the table."""
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}"{attributes}>'
    return "\n".join([head, *inner, "</svg>"])


def _described(svg_html: str, number: int) -> str:
    return svg_html.replace('role="img"', f'role="img" aria-describedby="says-{number}"', 1)


def _row(row: Sequence[Cell]) -> str:
    head, *rest = row
    return f'<tr><th scope="row">{_cell(head)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in rest)}</tr>'


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return text if cell.value is None else f'<data value="{cell.value!r}">{text}</data>'


def _key(key: Key) -> str:
    mark = {
        "line": '<path class="line" d="M1 8H39"/><use href="#m-{0}" x="20" y="8"/>',
        "fill": '<rect class="fill" x="8" y="2" width="24" height="12"/>',
        "range": '<path class="thick" d="M4 8H36"/><use href="#m-{0}" x="6" y="8"/>',
    }[key.kind].format(key.style)
    return (
        f'<li><svg class="{key.style}" viewBox="0 0 40 16" width="40" height="16" aria-hidden="true">{mark}</svg> '
        f"{escape(key.label)}</li>"
    )


def _inline(text: str) -> str:
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
