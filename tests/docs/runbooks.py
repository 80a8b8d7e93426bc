"""What the pages for operators say, taken apart: headings, commands, queries, links."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUNBOOKS = DOCS / "runbooks"
PAGES = [*sorted(RUNBOOKS.glob("*.md")), DOCS / "operating.md"]
LINKED = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "client" / "README.md"]
SECTIONS = ["What it means", "How to see", "What to do", "Stop and escalate", "Over"]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ALERT = re.compile(r"Bff[A-Za-z0-9]+")


def commands(page: Path) -> list[str]:
    """What stands behind `$`, without the remark."""
    lines = "\n".join(_blocks(page, "console")).splitlines()
    return [re.sub(r"\s{2,}# .*", "", line[2:]) for line in lines if line.startswith("$ ")]


def queries(page: Path) -> list[str]:
    """Lines of PromQL, in blocks, in promtool's mouth and within the text."""
    text = page.read_text()
    blocks = [line for block in _blocks(page, "promql") for line in block.splitlines() if line]
    asked = re.findall(r"promtool query instant \S+ '([^']+)'", text)
    inline = [code for code in re.findall(r"`([^`\n]+)`", _FENCE.sub("", text)) if "bff_" in code]
    return [*blocks, *asked, *inline]


def alerts(page: Path) -> dict[str, list[str]]:
    """The alerts that a page has a heading for, each with the headings under it."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", _FENCE.sub("", page.read_text()), flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        if _ALERT.fullmatch(title):
            found[title] = re.findall(r"^### (.+)$", body, re.MULTILINE)
    return found


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """Those to files and headings of the project."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text()))
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def _blocks(page: Path, language: str) -> list[str]:
    return [body for named, body in _FENCE.findall(page.read_text()) if named == language]
