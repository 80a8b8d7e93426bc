"""The operators' console in Chromium: by keyboard alone, live, without JavaScript, and in each way to look at it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from bff.broker.workers import Held, beat
from tests.broker.world import GOOD, World
from tests.browser.accessible import LOOKS, Look, findings
from tests.contract.operators import CLIENT, ROOT, a_letter, an_entry_of_nobody
from tests.contract.stack import Gateway

pytestmark = pytest.mark.anyio

# What a screen reader would say: each new text of a live region, in order.
LISTEN = """
addEventListener("DOMContentLoaded", () => {
  window.said = [];
  for (const region of document.querySelectorAll("[role=status]")) {
    const listener = new MutationObserver(() => region.textContent && said.push(region.textContent));
    listener.observe(region, {childList: true, characterData: true, subtree: true});
  }
});
"""


@pytest.fixture(autouse=True)
async def at_rest(operator: httpx.AsyncClient, world: World) -> AsyncIterator[None]:
    """A worker is there; afterwards nothing is paused, nothing waits, and there are no dead letters."""
    await beat(world.cell, "worker-1", up_ms=60_000, draining=False, services={"echo": Held(1, 2)})
    yield
    for service in world.catalog.services:
        await operator.post(f"/admin/v1/services/{service}/resume")
        for state in ("closed", "auto"):
            await operator.put(f"/admin/v1/services/{service}/breaker", json={"state": state})
    for job_id in await world.redis.execute("ZRANGE", world.keys.deadlines(), 0, -1):
        await world.jobs.cancel(job_id.decode(), "public")
    await world.redis.execute("XTRIM", world.keys.dead(), "MAXLEN", 0)
    await operator.put("/admin/v1/rollout/echo", json={"async_percent": 100})


async def sign_in(page: Page, gateway: Gateway, key: str = ROOT) -> None:
    await page.goto(f"{gateway.url}/console")
    await page.get_by_label("An operator's key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


@pytest.fixture
async def console(page: Page, alone: Gateway) -> Page:
    await page.add_init_script(LISTEN)
    await sign_in(page, alone)
    await expect(page.get_by_role("heading", name="Console", level=1)).to_be_visible()
    await page.wait_for_load_state()
    return page


async def tab_to(page: Page, name: str) -> None:
    """By the Tab key alone."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "[document.activeElement.textContent, document.activeElement.getAttribute('aria-label'),"
            " document.activeElement.labels?.[0]?.textContent]"
        )
        if name in [each and each.strip() for each in focused]:
            return
    raise AssertionError(f"{name!r} cannot be reached by the Tab key")


async def test_the_keyboard_is_enough_for_all_of_it(page: Page, alone: Gateway, world: World) -> None:
    letter_of = await a_letter(world)
    await page.goto(f"{alone.url}/console")
    await tab_to(page, "An operator's key")
    await page.keyboard.type(ROOT)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Console", level=1)).to_be_visible()
    await page.wait_for_load_state()  # its script runs by then: without it, the same leads to pages of their own
    done, summary = page.locator("#done"), page.locator("#summary")

    await tab_to(page, "Service")
    await page.keyboard.type("payments")
    await tab_to(page, "Pause")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Pause payments until it is resumed?")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await page.evaluate("document.activeElement.textContent") == "Pause"
    await page.keyboard.press("Enter")
    await tab_to(page, "Pause payments")
    await page.keyboard.press("Enter")
    await expect(done).to_have_text("payments is paused until it is resumed.")
    await expect(summary).to_contain_text("payments is paused by an operator until it is resumed")
    await expect(page.locator("#services")).to_contain_text("paused by an operator")
    await tab_to(page, "Resume")
    await page.keyboard.press("Enter")
    await expect(done).to_have_text("payments is called again.")

    await page.locator("#letters button").first.focus()
    name = await page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert name.startswith("Replay call echo of echo")
    await page.keyboard.press("Enter")
    await expect(done).to_contain_text("is replayed, as job")
    await expect(page.locator("#letters")).to_have_text("There are none.")
    assert await page.evaluate("document.activeElement.id") == "letters-title", "it is near where it was"

    await tab_to(page, "Operation")
    await page.keyboard.type("echo")
    await tab_to(page, "Percent asynchronous")
    await page.keyboard.type("25.5")
    await page.keyboard.press("Enter")
    await expect(done).to_have_text("25.5 % of echo are asynchronous.")
    await expect(page.locator("#rollout")).to_contain_text("25.5 %")

    await tab_to(page, "Id of a job (X-Correlation-ID)")
    await page.keyboard.type(letter_of)
    await page.keyboard.press("Enter")
    timeline = page.get_by_role("table", name="Timeline")
    await expect(timeline).to_contain_text("taken by w1, attempt 1")
    await expect(timeline).to_contain_text("its worker was lost")
    await expect(timeline).to_contain_text("the job has ended: failed")
    await expect(page.locator("#found")).to_contain_text("public")
    await expect(page.get_by_role("heading", name=f"Job {letter_of}")).to_be_in_viewport()


async def test_it_is_live_says_what_changed_once_and_never_moves_the_focus(
    console: Page, operator: httpx.AsyncClient, world: World
) -> None:
    await console.get_by_label("Percent asynchronous").fill("7")
    before = await console.locator("#as-of").text_content()
    for _ in range(3):
        await world.accepted("report", parameters=b"{}", timeout_ms=60_000)
    await operator.post("/admin/v1/services/reports/pause", json={"seconds": 900})
    await expect(console.locator("#summary")).to_contain_text("reports is paused by an operator")
    await expect(console.locator("#lanes")).to_contain_text("reports normal")
    await expect(console.locator("#as-of")).not_to_have_text(before or "")
    as_of = await console.locator("#as-of").text_content()
    await expect(console.locator("#as-of")).not_to_have_text(as_of or "")
    await expect(console.get_by_label("Percent asynchronous")).to_be_focused()
    await expect(console.get_by_label("Percent asynchronous")).to_have_value("7")
    said = await console.evaluate("said")
    assert len(said) == len(set(said)) == 1, said


async def test_a_dead_letter_that_comes_is_shown_and_what_has_the_focus_stays(console: Page, world: World) -> None:
    await a_letter(world)
    discard = console.get_by_role("button", name="Discard call echo")
    await expect(discard).to_have_count(1)
    await discard.focus()
    await world.redis.execute("XTRIM", world.keys.dead(), "MAXLEN", 0)
    await expect(console.locator("#summary")).not_to_contain_text("dead letter")
    await expect(discard).to_be_focused()
    await console.evaluate("document.activeElement.blur()")
    await expect(discard).to_have_count(0)


async def test_discarding_and_forcing_open_are_asked_first_and_closing_is_not(console: Page, world: World) -> None:
    await a_letter(world)
    await console.get_by_role("button", name="Discard call echo").click()
    await console.get_by_role("dialog").get_by_role("link", name="Back, and do nothing").click()
    assert await world.redis.execute("XLEN", world.keys.dead()) == 1
    await console.get_by_role("button", name="Discard call echo").click()
    await console.get_by_role("dialog").get_by_role("button", name="Discard").click()
    await expect(console.locator("#done")).to_contain_text("is discarded")
    await console.get_by_label("Service", exact=True).select_option("echo")
    await console.get_by_role("button", name="Force breaker open").click()
    await console.get_by_role("dialog").get_by_role("button", name="Force open").click()
    await expect(console.locator("#summary")).to_contain_text("the breaker of echo is forced open")
    await console.get_by_role("button", name="Force breaker closed").click()
    await expect(console.locator("#done")).to_have_text("The breaker of echo is forced closed.")


async def test_without_a_socket_it_is_polled_and_says_so(page: Page, alone: Gateway, world: World) -> None:
    await page.add_init_script(LISTEN)
    await page.add_init_script(
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } close() {} };"
        "const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 10);"
    )
    await sign_in(page, alone)
    await expect(page.locator("#link")).to_contain_text("The live connection is lost")
    await an_entry_of_nobody(world)
    await expect(page.locator("#letters")).to_contain_text("entry in x")
    assert len([each for each in await page.evaluate("said") if "connection is lost" in each]) == 1


async def test_a_gateway_that_does_not_answer_is_said_to_be_so(console: Page, alone: Gateway) -> None:
    async def away(route: Route) -> None:
        if route.request.method == "GET":
            await route.fulfill(status=503)
        else:
            await route.abort()

    await console.route("**/console*", away)
    await expect(console.locator("#link")).to_contain_text("does not answer")
    await console.get_by_role("button", name="Resume").click()
    await expect(console.locator("#done")).to_contain_text("whether it was done is not known")


async def test_without_javascript_it_shows_how_things_stand_and_its_forms_work(
    browser: Browser, alone: Gateway, world: World
) -> None:
    async with await browser.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await sign_in(page, alone)
        await expect(page.locator("noscript code").last).to_be_visible()
        await page.get_by_label("Service", exact=True).select_option("payments")
        await page.get_by_label("Seconds to pause for").fill("60")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("heading", name="Pause payments for 60 seconds?")).to_be_visible()
        await page.get_by_role("button", name="Pause payments").click()
        await expect(page.locator("#done")).to_have_text("payments is paused for 60 seconds.")
        await expect(page.locator("#services")).to_contain_text("paused by an operator until")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
        await page.goto(f"{alone.url}/console")
        await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()


async def test_a_clients_key_does_not_open_it(page: Page, alone: Gateway) -> None:
    await sign_in(page, alone, CLIENT)
    await expect(page.get_by_role("alert")).to_have_text("This is no key of an operator.")


async def test_what_a_name_in_a_letter_says_is_shown_and_never_run(console: Page, world: World) -> None:
    evil = """<img src=x onerror="document.title='run'">"""
    await an_entry_of_nobody(world, lane=evil)
    await expect(console.locator("#letters")).to_contain_text(evil)
    assert await console.locator("#letters img").count() == 0
    assert await console.title() == "Console"


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_axe_finds_nothing_and_the_page_is_no_wider_than_a_phone(
    browser: Browser, alone: Gateway, operator: httpx.AsyncClient, world: World, look: Look
) -> None:
    await a_letter(world)
    job_id = await world.accepted("echo", parameters=b"{}")
    await world.do(replace(GOOD, data=b"{}"), service="echo")
    await operator.post("/admin/v1/services/payments/pause")
    found = {}
    async with await browser.new_context(**look.options) as context:
        page = await context.new_page()
        await sign_in(page, alone)
        await page.goto(f"{alone.url}/console?job={job_id}")
        found["console"] = await findings(page)
        wide = await page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        if "color_scheme" in look.options:
            await page.get_by_role("button", name="Force breaker open").click()
            await expect(page.get_by_role("dialog")).to_be_visible()
            found["dialog"] = await findings(page)
    assert wide <= 0, f"{wide} px wider than the screen"
    assert {name: each for name, each in found.items() if each} == {}
