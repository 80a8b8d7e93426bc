"""The simulator's page in Chromium: what it shows, by keyboard, in files, by link, and in each way to look at it."""

import asyncio
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.accessible import TOGETHER, Look, findings
from tests.simulator.page.shown import BRIEF, figures, link, opened, until_simulated

pytestmark = pytest.mark.anyio

MOMENT_MS = 200


def a_file(directory: Path, scenario: dict[str, Any]) -> Path:
    """Of a scenario, as TOML."""
    file = directory / "brief.toml"
    file.write_text(
        'name = "brief"\nreplications = 1\n[traffic]\nbaseline_per_second = 5\nduration_seconds = 30\n'
        "[[traffic.spikes]]\nat_seconds = 5\nduration_seconds = 10\nrate_per_second = 40\n"
        "[clients]\ntimeout_seconds = 20\n"
        '[[services]]\nname = "payments"\nmax_concurrency = 10\ntime = { mean_seconds = 0.5 }\n'
        '[queue]\ncapacity = 120\nttl_seconds = 4\nadmission = "capacity"\n'
        "[slo]\nsuccess_share = 0.9\nresult_p95_seconds = 3\n"
    )
    assert tomllib.loads(file.read_text()).keys() - {"replications"} == scenario.keys()
    return file


async def download(page: Page, button: str) -> str:
    async with page.expect_download() as coming:
        await page.get_by_role("button", name=button).click()
    return Path(await (await coming.value).path()).read_text()


async def test_it_shows_what_bff_simulate_says(page: Page, simulator: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stack", "simulate", str(a_file(tmp_path, BRIEF)), "--replications=1", "--json"]
    said = {
        pattern: json.loads(subprocess.run([*command, f"--pattern={pattern}"], capture_output=True, text=True).stdout)
        for pattern in ("async", "sync")
    }
    await opened(page, simulator)
    shown = await figures(page)
    for index, pattern in enumerate(("async", "sync")):
        told = said[pattern]
        assert shown["offered"][index] == f"{told['offered']:,}"
        assert shown["most waiting"][index] == f"{told['peak_depth']:,}"
        for end in ("succeeded", "expired", "rejected", "failed", "timed_out"):
            assert shown[end.replace("_", " ")][index] == f"{100 * told['shares'][end]:.1f} %"
        for of in ("p50", "p95", "p99"):
            assert float(shown[f"result {of}"][index].removesuffix(" s")) == pytest.approx(
                told["result_seconds"][of], rel=0.005
            )
    exported = json.loads(await download(page, "Result (JSON)"))
    assert exported.keys() == said["async"].keys()
    assert exported["shares"] == pytest.approx(said["async"]["shares"])
    assert exported["series"] == {name: pytest.approx(values) for name, values in said["async"]["series"].items()}
    assert 0 < exported["shares"]["expired"] < 1


async def test_the_verdict_comes_first_and_in_words(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    verdict = page.locator("#capacity")
    await expect(verdict).to_have_text("Over capacity: payments carries 20/s; 40/s come at the peak, 2 times as many.")
    objectives = page.get_by_role("table", name="Objectives")
    await expect(objectives.get_by_role("row", name="succeed, at least 90.00 %")).to_contain_text("missed")
    await expect(page.locator("#summary")).to_contain_text("Asynchronous: ")


async def test_sliders_are_moved_by_keyboard_and_all_follows(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    slider = page.get_by_label("Slots, slider")
    await slider.focus()
    for _ in range(10):
        await page.keyboard.press("ArrowRight")
    await expect(page.get_by_label("Slots calls at once")).to_have_value("20")
    await expect(slider).to_have_attribute("aria-valuetext", "20 calls at once")
    await expect(page.locator("#capacity")).to_contain_text("Within capacity: payments carries 40/s")
    await expect(slider).to_be_focused()
    await expect(page.locator("#summary")).to_contain_text("Asynchronous: 100.0 % succeeded.")


async def test_lists_grow_and_shrink_and_the_focus_stays_near(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    await page.get_by_role("button", name="Add a spike").click()
    await expect(page.get_by_role("group", name="Spike 2")).to_be_visible()
    await expect(page.get_by_role("button", name="Add a spike")).to_be_focused()
    await page.get_by_role("button", name="Remove spike 2").press("Enter")
    await expect(page.get_by_role("group", name="Spike 2")).to_have_count(0)
    await expect(page.get_by_role("button", name="Add a spike")).to_be_focused()


async def test_what_is_changed_while_the_server_is_asked_is_not_lost(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    await page.clock.install()  # the page asks a moment after the last change: here, when it is told that it is over
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await may_answer.wait()
        await route.continue_()

    await page.route("**/plan", hold, times=1)
    async with page.expect_response("**/plan") as answered:
        await page.get_by_label("Slots calls at once").fill("20")
        await page.clock.run_for(MOMENT_MS)
        await asked.wait()
        await page.get_by_label("Ramp s").fill("6")
        may_answer.set()
    await (await answered.value).finished()
    await page.evaluate("fetch('facts').then((answer) => answer.text())")  # by when the page has seen the first answer
    await page.clock.run_for(MOMENT_MS)
    await expect(page.locator("#complaint")).to_contain_text("ramp_seconds 6, up and down again, is longer")


async def test_what_is_wrong_is_said_at_its_place_and_what_is_shown_stays(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    before = await figures(page)
    slots = page.get_by_label("Slots calls at once")
    await slots.fill("0")
    await expect(slots).to_have_attribute("aria-invalid", "true")
    await expect(slots).to_have_accessible_description("Over all workers together. It must be from 1 to 100,000.")
    await slots.fill("10")
    await page.get_by_label("Ramp s").fill("6")
    wrong = "ramp_seconds 6, up and down again, is longer than duration_seconds 10"
    await expect(page.locator("#complaint")).to_have_text(f"traffic.spikes.0: {wrong}. What is shown is of before.")
    assert await figures(page) == before
    await page.get_by_label("Ramp s").fill("5")
    await expect(page.locator("#complaint")).to_have_text("")


async def test_a_link_holds_the_whole_scenario_and_outlives_a_reload(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    await page.get_by_label("TTL s", exact=True).fill("7.5")
    await expect(page.locator("#asked")).to_contain_text("TTL of 7.5 s")
    shown = await figures(page)
    address = page.url
    assert "#s=" in address
    assert address != link(simulator, BRIEF)
    await page.goto("about:blank")
    await page.goto(address)
    await expect(page.get_by_label("TTL s", exact=True)).to_have_value("7.5")
    await page.reload()
    await expect(page.get_by_label("TTL s", exact=True)).to_have_value("7.5")
    await until_simulated(page)
    assert await figures(page) == shown


async def test_a_damaged_link_is_said_to_be_one(page: Page, simulator: str) -> None:
    await page.goto(f"{simulator}/#s=nothing")
    await expect(page.locator("#file-complaint")).to_contain_text("The link is damaged")
    await expect(page.get_by_label("Name")).to_have_value("flash-sale")


async def test_files_go_in_and_come_out_again_as_they_were(page: Page, simulator: str, tmp_path: Path) -> None:
    await opened(page, simulator, BRIEF | {"name": "other", "seed": 9})
    await page.locator("#scenario-file").set_input_files(a_file(tmp_path, BRIEF))
    await expect(page.locator("#done")).to_have_text("brief.toml is read.")
    await expect(page.get_by_label("Name")).to_have_value("brief")
    await until_simulated(page)
    written = tomllib.loads(await download(page, "Scenario (TOML)"))
    assert (written["seed"], written["traffic"]["spikes"][0]["rate_per_second"]) == (1, 40)
    services = tomllib.loads(await download(page, "services.toml"))["services"]
    assert (services["payments"]["max_concurrency"], services["payments"]["capacity"]) == (10, 120)
    head, *rows = (await download(page, "Series (CSV)")).splitlines()
    assert head.split(",")[:3] == ["second", "async_depth", "async_oldest_age"]
    assert len(rows) >= 30
    assert sum(float(row.split(",")[3]) for row in rows) == int((await figures(page))["offered"][0])


async def test_a_file_that_is_none_is_refused_with_its_line(page: Page, simulator: str, tmp_path: Path) -> None:
    await opened(page, simulator)
    file = tmp_path / "wrong.toml"
    file.write_text("[traffic]\nbaseline_per_second = 5\nduration_secs = 3\n")
    await page.locator("#scenario-file").set_input_files(file)
    await expect(page.locator("#file-complaint")).to_contain_text(
        "wrong.toml, line 3: traffic.duration_secs: unknown key (is 'duration_seconds' meant?)"
    )
    await expect(page.get_by_label("Name")).to_have_value("brief")


async def test_another_result_is_laid_over_and_removed(page: Page, simulator: str, tmp_path: Path) -> None:
    await opened(page, simulator)
    result = tmp_path / "result.json"
    result.write_text(await download(page, "Result (JSON)"))
    await page.get_by_label("Slots calls at once").fill("20")
    await expect(page.locator("#capacity")).to_contain_text("Within capacity")
    await page.locator("#result-file").set_input_files(result)
    await expect(page.locator("#done")).to_have_text("result.json is laid over: brief, simulated.")
    peaks = (await figures(page))["most waiting"]
    assert len(peaks) == 3
    assert int(peaks[2]) > int(peaks[0])
    await page.get_by_role("button", name="Remove it again").click()
    assert len((await figures(page))["offered"]) == 2
    result.write_text("{}")
    await page.locator("#result-file").set_input_files(result)
    await expect(page.locator("#file-complaint")).to_contain_text("no result of bff load or bff simulate")


async def test_the_queue_is_stepped_scrubbed_played_and_paused(page: Page, simulator: str) -> None:
    await opened(page, simulator)
    moment = page.locator("#moment")
    await expect(moment).to_contain_text("At 0:05.00: ")
    await page.get_by_role("button", name="On 1 s").click()
    await expect(moment).to_contain_text("At 0:06.00: ")
    await page.get_by_role("button", name="Next event").click()
    await expect(page.locator("#stepped")).to_contain_text("Just now ")
    await page.get_by_role("button", name="Back 1 s").click()
    await expect(moment).to_contain_text("At 0:05.")
    await page.get_by_label("Simulated time").fill("12")
    await expect(moment).to_contain_text("10 of 10 slots busy")
    await page.get_by_label("Speed").select_option("100 times")
    await page.get_by_role("button", name="Play").press("Enter")
    await expect(moment).not_to_contain_text("At 0:12")
    await expect(page.get_by_role("button", name="Play")).to_be_visible()  # it stops at the end of the run
    await expect(moment).to_contain_text("0 waiting, 0 of 10 slots busy")


async def test_who_asks_for_less_motion_steps_and_nothing_plays(browser: Browser, simulator: str) -> None:
    async with await browser.new_context(reduced_motion="reduce") as context:
        page = await context.new_page()
        await opened(page, simulator)
        await expect(page.get_by_role("button", name="Play")).to_have_count(0)
        await expect(page.locator("#still")).to_be_visible()
        await page.get_by_role("button", name="On 1 s").click()
        await expect(page.locator("#moment")).to_contain_text("At 0:06.00: ")


async def test_the_planner_is_asked(page: Page, simulator: str) -> None:
    traffic = {"baseline_per_second": 2, "duration_seconds": 10}
    await opened(page, simulator, BRIEF | {"traffic": traffic, "slo": {"success_share": 0.9}})
    await page.get_by_role("button", name="Ask the planner").click()
    await expect(page.locator("#advising")).to_contain_text("Feasible as it stands", timeout=40_000)
    await expect(page.get_by_role("region", name="The whole plan")).to_contain_text("What to set")
    await page.get_by_label("Slots calls at once").fill("3")
    await expect(page.locator("#advising")).to_contain_text("of the scenario before the change")


async def test_it_reaches_nothing_but_its_own_server(page: Page, simulator: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await opened(page, simulator)
    assert {url for url in asked if not url.startswith(simulator)} == set()
    assert f"{simulator}/worker.js" in asked


@pytest.mark.parametrize("look", TOGETHER, ids=str)
async def test_axe_finds_nothing_and_the_page_is_no_wider_than_a_phone(
    browser: Browser, simulator: str, look: Look
) -> None:
    async with await browser.new_context(**look.options) as context:
        page = await context.new_page()
        await opened(page, simulator)
        if look.name == "light":
            for summary in await page.locator("details > summary").all():
                await summary.click()
        await page.get_by_label("Slots calls at once").fill("0")
        assert await findings(page) == {}
        assert await page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
