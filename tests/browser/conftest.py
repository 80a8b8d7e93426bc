import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.client.front import Front, front_of
from tests.contract.conftest import alone, api, mock, operator, prefix, steer, world
from tests.contract.stack import Up

__all__ = ["alone", "api", "mock", "operator", "prefix", "steer", "world"]

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Chromium without what a container lacks, and without calls of its own to anywhere."""

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is the same engine without windows around its pages: each page takes a quarter of the time."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture
async def front(stack: Up) -> AsyncIterator[Front]:
    """Between the browser and the gateway; what it breaks, the page feels."""
    async with front_of(stack.gateway_url) as front:
        yield front


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """In a context of its own. What its scripts did not foresee fails the test."""
    unforeseen: list[str] = []
    async with await browser.new_context() as context:
        page = await context.new_page()
        page.on("pageerror", lambda error: unforeseen.append(str(error)))
        yield page
    assert unforeseen == []
