"""Asking axe, in each way that people look at a page."""

from dataclasses import dataclass
from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(frozen=True)
class Look:
    name: str
    options: dict[str, Any]

    def __str__(self) -> str:
        return self.name


LOOKS = [
    Look("light", {"color_scheme": "light"}),
    Look("dark", {"color_scheme": "dark"}),
    Look("a phone of 320 px", {"viewport": {"width": 320, "height": 640}}),
    Look("reduced motion", {"reduced_motion": "reduce"}),
    Look("forced colours", {"forced_colors": "active"}),
]


TOGETHER = [
    LOOKS[0],
    Look("dark, on a phone of 320 px", {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}}),
    Look("forced colours, reduced motion", {"forced_colors": "active", "reduced_motion": "reduce"}),
]
"""The same in fewer looks: of a large page one takes axe many seconds."""


async def findings(page: Page) -> dict[str, list[str]]:
    """What axe finds against WCAG 2.2 AA: rule -> where."""
    results = await Axe().run(
        page, options={"runOnly": {"type": "tag", "values": WCAG_22_AA}, "resultTypes": ["violations"]}
    )
    violations = results.response["violations"]
    return {each["id"]: [str(node["target"]) for node in each["nodes"]] for each in violations}
