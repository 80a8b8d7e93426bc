"""The status page as people meet it: in Chromium, with and without JavaScript, by keyboard, and read aloud."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.accessible import LOOKS, Look, findings
from tests.contract.calls import CART, CHECKOUT, ECHO, Json, Steer, constant
from tests.contract.stack import Up

pytestmark = pytest.mark.anyio

HOME = "/v1/operations/home-screen"
REPORT = "/v1/operations/report"

# What a screen reader would say: each new text of the live region, in order.
LISTEN = """
addEventListener("DOMContentLoaded", () => {
  window.said = [];
  const state = document.getElementById("state");
  const listener = new MutationObserver(() => said.push(state.textContent));
  if (state) listener.observe(state, {childList: true, characterData: true, subtree: true});
});
"""


async def started(api: httpx.AsyncClient, path: str, body: Json, **headers: str) -> str:
    answer = await api.post(path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["links"]["page"])


@pytest.fixture
async def plain(browser: Browser, stack: Up) -> AsyncIterator[Page]:
    """A browser that runs no JavaScript."""
    async with await browser.new_context(java_script_enabled=False, base_url=stack.gateway_url) as context:
        yield await context.new_page()


@pytest.fixture
async def live(page: Page, stack: Up, mock: object) -> Page:
    await page.add_init_script(LISTEN)
    return page


async def said(page: Page) -> list[str]:
    heard: list[str] = await page.evaluate("said")
    return heard


async def test_without_javascript_a_request_can_be_sent_waited_for_and_read(plain: Page) -> None:
    await plain.goto("/")
    await plain.get_by_label("Parameters of checkout (JSON)").fill(json.dumps(CART))
    await plain.get_by_role("button", name="Send checkout").click()
    await expect(plain.get_by_role("status")).to_contain_text(
        re.compile("steps done|Waiting to start")
    )  # as it was then
    await plain.get_by_role("button", name="Wait for the result").click()
    await expect(plain.get_by_role("status")).to_have_text("Done.")
    await expect(plain.get_by_role("heading", name="charge", exact=True)).to_be_visible()
    await expect(plain.get_by_role("button")).to_have_count(0)


async def test_without_javascript_a_job_can_be_cancelled_and_tried_again_once(
    plain: Page, api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("reports", latency=constant(20))
    page = await started(api, REPORT, {"month": "2026-01"})
    await plain.goto(page)
    await plain.get_by_role("button", name="Cancel").click()
    await expect(plain.get_by_role("status")).to_contain_text("Cancelled")
    await plain.get_by_role("button", name="Try again").click()
    second = plain.url
    assert not second.endswith(page)
    await expect(plain.get_by_role("button", name="Cancel")).to_be_visible()
    await plain.goto(page)
    await plain.get_by_role("button", name="Try again").click()
    assert plain.url == second
    await plain.get_by_role("button", name="Cancel").click()


async def test_each_state_is_announced_once_and_the_end_at_once(
    live: Page, stack: Up, api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("payments", latency=constant(4))
    await live.goto(stack.gateway_url + await started(api, CHECKOUT, CART))
    first = await live.get_by_role("status").text_content()
    assert first
    await expect(live.get_by_role("status")).to_have_text("Done.", timeout=20_000)
    heard = await said(live)
    assert heard[-1] == "Done."
    assert 1 <= len(heard) <= 3
    assert len(set(heard)) == len(heard)
    assert all("steps done" in each for each in heard[:-1])
    assert await live.title() == "Done – Reserve the stock, charge the customer, confirm the order"
    await expect(live.get_by_role("progressbar")).to_have_attribute("value", "3")


async def test_an_answer_that_was_overtaken_by_a_newer_one_is_not_shown(
    live: Page, stack: Up, api: httpx.AsyncClient, steer: Steer
) -> None:
    """Estimates are asked for beside: one that was on its way when the job ended must not hide the end."""
    await live.add_init_script(
        "const every = setInterval; window.setInterval = (work, ms) => every(work, Math.min(ms, 300));"
    )
    held: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
    holding, late = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        answer = await route.fetch()
        if holding.is_set() and not held.done():
            held.set_result(route)
            await late.wait()
        await route.fulfill(response=answer)

    await steer("reports", latency=constant(30))
    path = await started(api, REPORT, {"month": "2026-01"})
    told = asyncio.Event()

    def hear(frame: str | bytes) -> None:
        if '"running"' in str(frame):
            told.set()

    live.on("websocket", lambda socket: socket.on("framereceived", hear))
    await live.goto(stack.gateway_url + path)
    await expect(live.get_by_role("status")).to_contain_text("Running")
    await told.wait()
    for _ in range(2):  # what the socket said is fetched by then: from here on, only estimates are
        await live.wait_for_event("response", lambda response: response.url.endswith(path))
    await live.route("**/jobs/*", slow)
    holding.set()
    overtaken = (await held).request
    await api.delete("/v1" + path)
    await expect(live.get_by_role("status")).to_contain_text("Cancelled")
    late.set()
    answer = await overtaken.response()
    assert answer is not None
    await answer.finished()
    await live.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")
    assert (await live.title()).startswith("Cancelled")
    await expect(live.get_by_role("button", name="Cancel")).to_be_hidden()


async def test_an_end_that_cannot_be_shown_is_said(live: Page, stack: Up, api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("reports", latency=constant(30))
    path = await started(api, REPORT, {"month": "2026-01"})
    await live.goto(stack.gateway_url + path)
    await expect(live.get_by_role("status")).to_contain_text("Running")
    await live.route("**/jobs/*", lambda route: route.fulfill(status=503))
    await api.delete("/v1" + path)
    await expect(live.get_by_role("status")).to_contain_text("Reload this page")


async def test_the_focus_never_moves_and_what_has_it_stays(
    live: Page, stack: Up, api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("payments", latency=constant(2))
    await live.goto(stack.gateway_url + await started(api, CHECKOUT, CART))
    cancel = live.get_by_role("button", name="Cancel")
    await cancel.focus()
    await expect(live.get_by_role("status")).to_have_text("Done.", timeout=20_000)
    await expect(cancel).to_be_focused()
    await expect(cancel).to_have_attribute("aria-disabled", "true")
    url = live.url
    await live.keyboard.press("Enter")  # there is nothing to cancel any more
    await live.evaluate("document.activeElement.blur()")
    await expect(cancel).to_be_hidden()
    assert live.url == url


async def test_partial_results_come_as_they_are_there(
    live: Page, stack: Up, api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("history", latency=constant(3))
    await live.goto(stack.gateway_url + await started(api, HOME, {"user_id": "u1"}))
    result = live.locator("#result")
    await expect(result).to_contain_text("balance")
    await expect(result).to_contain_text("Still to come: history")
    await expect(live.get_by_role("status")).to_contain_text("Done", timeout=20_000)
    assert "Still to come" not in (await result.text_content() or "")


async def test_the_keyboard_is_enough(live: Page, stack: Up, api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("reports", latency=constant(20))
    await live.goto(stack.gateway_url + await started(api, REPORT, {"month": "2026-01"}))
    for _ in range(5):
        await live.keyboard.press("Tab")
        if await live.evaluate("document.activeElement.textContent") == "Cancel":
            break
    await live.keyboard.press("Enter")
    await expect(live.get_by_role("status")).to_contain_text("Cancelled")


async def test_what_a_client_sent_is_shown_and_never_run(live: Page, stack: Up, api: httpx.AsyncClient) -> None:
    evil = """<img src=x onerror="document.title='run'"><script>document.title='run'</script></pre>"""
    path = await started(api, ECHO, {"text": evil})
    await live.goto(f"{stack.gateway_url}{path}?wait=20")
    await expect(live.locator("#result")).to_contain_text("<script>")
    assert await live.title() == "Done – Send a text to the echo service and back: the least work there is"
    assert await live.locator("#result img, #result script").count() == 0


async def test_an_inline_script_would_not_be_run(live: Page, stack: Up, api: httpx.AsyncClient) -> None:
    await live.goto(stack.gateway_url + await started(api, ECHO, {"text": "hi"}))
    ran = await live.evaluate(
        """() => { const script = document.createElement("script"); script.textContent = "window.ran = true";
                   document.body.append(script); return window.ran ?? false }"""
    )
    assert ran is False


async def test_an_unknown_job_is_said_in_words(live: Page, stack: Up) -> None:
    answer = await live.goto(f"{stack.gateway_url}/jobs/nothing")
    assert answer is not None
    assert answer.status == 404
    await expect(live.get_by_role("heading", level=1)).to_have_text("No such job")


@pytest.fixture
async def pages(api: httpx.AsyncClient, steer: Steer) -> dict[str, str]:
    """Every page there is, in every state that looks another way."""
    await steer("history", error_rate=1)
    partial = await started(api, HOME, {"user_id": "u1"})
    done = await started(api, CHECKOUT, CART)
    await steer("reports", latency=constant(30))
    running = await started(api, REPORT, {"month": "2026-01"})
    queued = await started(api, REPORT, {"month": "2026-02"}, request_priority="low")
    cancelled = await started(api, REPORT, {"month": "2026-03"})
    await api.delete("/v1" + cancelled)
    return {
        "partial": partial + "?wait=30",
        "done": done + "?wait=30",
        "running": running,
        "queued": queued,
        "cancelled": cancelled,
        "unknown": "/jobs/nothing",
        "start": "/",
        "sign-in": "/sign-in",
        "problems": "/problems",
        "problem": "/problems/queue-full",
    }


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_a_phone(
    browser: Browser, stack: Up, pages: dict[str, str], look: Look
) -> None:
    found: dict[str, Any] = {}
    async with await browser.new_context(base_url=stack.gateway_url, **look.options) as context:
        page = await context.new_page()
        for name, path in pages.items():
            await page.goto(path)
            found[name] = await findings(page)
            wide = await page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} px wider than the screen"
    assert {name: each for name, each in found.items() if each} == {}


async def test_axe_would_find_what_is_wrong(page: Page) -> None:
    await page.set_content("<title>x</title><img src='x'><input>")
    assert {"image-alt", "label", "html-has-lang"} <= set(await findings(page))
