"""The page as a visitor meets it: opened with a scenario, read by its tables."""

import json
import zlib
from base64 import urlsafe_b64encode
from typing import Any

from playwright.async_api import Page, expect

BRIEF: dict[str, Any] = {
    "name": "brief",
    "traffic": {
        "baseline_per_second": 5,
        "duration_seconds": 30,
        "spikes": [{"at_seconds": 5, "duration_seconds": 10, "rate_per_second": 40}],
    },
    "clients": {"timeout_seconds": 20},
    "services": [{"name": "payments", "max_concurrency": 10, "time": {"mean_seconds": 0.5}}],
    "queue": {"capacity": 120, "ttl_seconds": 4, "admission": "capacity"},
    "slo": {"success_share": 0.9, "result_p95_seconds": 3},
}
"""More than it can carry, for ten seconds: some expire, some are turned away."""


def link(url: str, scenario: dict[str, Any]) -> str:
    """As the page itself makes it: raw deflate, base64url."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(json.dumps(scenario).encode()) + packer.flush()
    return f"{url}/#s={urlsafe_b64encode(packed).decode().rstrip('=')}"


async def opened(page: Page, url: str, scenario: dict[str, Any] = BRIEF) -> None:
    await page.goto(link(url, scenario))
    await until_simulated(page)


async def until_simulated(page: Page) -> None:
    """Both patterns, whole."""
    await expect(page.locator("#working")).to_contain_text("each way, in", timeout=30_000)


async def figures(page: Page) -> dict[str, list[str]]:
    """Of the run, by row: asynchronous, synchronous, and what is laid over."""
    rows = page.get_by_role("table", name="Figures of the run").locator("tbody tr")
    cells = [await row.locator("th, td").all_text_contents() for row in await rows.all()]
    return {name: values for name, *values in cells}
