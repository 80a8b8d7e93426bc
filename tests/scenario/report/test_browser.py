"""The report as people meet it: in Chromium, however they look at it, by keyboard, and without its script."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from scenario.comparison.named import Named
from scenario.report.page import page
from scenario.result import Source
from tests.browser.accessible import TOGETHER, Look, findings
from tests.scenario.report.played import played, the_stage

pytestmark = pytest.mark.anyio

HERE = [*TOGETHER, Look("print", {})]
"""Nothing on the page moves."""
SHORT: dict[str, Any] = {
    "traffic": {"duration_seconds": 9, "spikes": [{"at_seconds": 2, "duration_seconds": 5, "rate_per_second": 50}]},
    "queue": {"capacity": 100, "ttl_seconds": 3},
}
"""As few rows of tables as show everything: axe looks at each cell."""


@pytest.fixture(scope="session")
def brief() -> list[Named]:
    stage = the_stage(0.05, **SHORT)
    return [Named("predicted", played(stage)), Named("measured", played(stage, Source.LOAD, slower=1.5))]


@pytest.fixture(scope="session")
def report(brief: list[Named], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page(the_stage(0.05, **SHORT), brief, title="A short spike"), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def single(brief: list[Named], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one run alone: what axe looks at in each way, since it looks at everything for each of its rules."""
    file = tmp_path_factory.mktemp("report") / "single.html"
    load = {"valid": False, "reasons": ["it was interrupted"]}
    run = Named("measured", replace(brief[1].figures, load=load))
    file.write_text(page(the_stage(0.05, **SHORT), [run], title="A short spike"), encoding="utf-8")
    return file


@pytest.fixture
async def shown(browser: Browser, report: Path) -> AsyncIterator[Page]:
    """Neither asks for anything but itself, nor does anything unforeseen."""
    asked: list[str] = []
    wrong: list[str] = []
    async with await browser.new_context() as context:
        tab = await context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        await tab.goto(report.as_uri())
        yield tab
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert wrong == []


@pytest.mark.parametrize("look", HERE, ids=str)
async def test_axe_finds_nothing(browser: Browser, single: Path, look: Look) -> None:
    """With a table unfolded."""
    async with await browser.new_context(**look.options) as context:
        tab = await context.new_page()
        await tab.goto(single.as_uri())
        await tab.evaluate("document.querySelector('figure details').open = true")
        if look.name == "print":
            await tab.emulate_media(media="print")
        assert await findings(tab) == {}


async def test_axe_finds_nothing_where_two_runs_lie_on_one_another(shown: Page) -> None:
    assert await findings(shown) == {}


@pytest.mark.parametrize("width", [320, 1280])
async def test_the_page_is_never_wider_than_the_window(browser: Browser, report: Path, width: int) -> None:
    async with await browser.new_context(viewport={"width": width, "height": 640}) as context:
        tab = await context.new_page()
        await tab.goto(report.as_uri())
        await tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert await tab.evaluate("document.documentElement.scrollWidth") == width


async def test_without_javascript_it_is_whole(browser: Browser, report: Path) -> None:
    async with await browser.new_context(java_script_enabled=False) as context:
        tab = await context.new_page()
        await tab.goto(report.as_uri())
        await expect(tab.get_by_role("heading", level=2)).to_have_count(7)
        await expect(tab.get_by_role("img", name="Queue of payments, lines over time")).to_be_visible()
        await tab.get_by_text("Data: Queue of payments").click()
        await expect(tab.get_by_role("table", name="Queue of payments")).to_be_visible()


async def test_a_table_is_reached_unfolded_and_scrolled_by_keyboard(shown: Page) -> None:
    await shown.set_viewport_size({"width": 320, "height": 640})
    await shown.get_by_role("group", name="Chart: Requests each second").focus()
    await shown.keyboard.press("Tab")
    await expect(shown.locator("summary", has_text="Data: Requests each second")).to_be_focused()
    await shown.keyboard.press("Enter")
    await shown.keyboard.press("Tab")
    table = shown.get_by_role("group", name="Table: Requests each second")
    await expect(table).to_be_focused()
    await shown.keyboard.press("ArrowRight")
    await expect(table).not_to_have_js_property("scrollLeft", 0)


async def test_the_lines_are_as_high_as_the_peaks(shown: Page, brief: list[Named]) -> None:
    """Measured in the browser, against the lowest and the highest line of the grid: 0 and 100 places."""
    chart = shown.get_by_role("img", name="Queue of payments, lines over time")
    heights = await chart.evaluate(
        """(svg) => {
          const boxes = [...svg.querySelectorAll(".grid")].map((line) => line.getBBox().y);
          return [Math.min(...boxes), Math.max(...boxes), svg.querySelector(".run-1 .line").getBBox().y];
        }"""
    )
    top, bottom, peak = heights
    assert (bottom - peak) / (bottom - top) * 100 == pytest.approx(brief[0].figures.peak_depth, abs=0.5)


async def test_the_pointer_reads_a_chart_out(shown: Page) -> None:
    chart = shown.get_by_role("img", name="Age of the head of the queue, lines over time")
    await chart.scroll_into_view_if_needed()
    box = await chart.bounding_box()
    assert box
    await shown.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = shown.locator("figure", has=chart).locator("p.pointed")
    await expect(said).to_contain_text(re.compile(r"Second \d+ · Predicted [\d.]+ · Measured"))
    await shown.mouse.move(0, 0)
    await expect(said).to_be_empty()


async def test_each_chart_says_what_it_shows_and_has_its_data(shown: Page) -> None:
    figures = shown.locator("figure")
    for index in range(await figures.count()):
        figure = figures.nth(index)
        await expect(figure.locator("figcaption")).to_contain_text(".")
        await expect(figure.get_by_role("img")).to_have_attribute("aria-describedby", f"says-{index + 1}")
        await expect(figure.locator("summary")).to_contain_text("Data: ")
        assert await figure.locator("tbody tr").count() >= 1
