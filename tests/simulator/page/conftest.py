import re
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import anyio_backend, browser, page
from tests.contract.stack import Command

expect.set_options(timeout=20_000)  # what a scenario comes to, computed on a busy machine

__all__ = ["anyio_backend", "browser", "page"]


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    """Where `bff simulator` serves its page."""
    started = Command("simulator", "--port=0")
    try:
        yield started.until(re.compile(r"simulator is at (http://\S+)"))[1]
    finally:
        assert started.end() == 0
