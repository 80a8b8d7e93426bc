import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Generator, Iterator
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.contract.stack import Up

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # how long an example takes says how busy the machine is, and nothing of the code

os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.pem"))
"""Whom all processes of the tests trust: nobody, until a test says whom. aiohttp reads the machine's hundred and more
certificates twice when it is imported, and who sends webhooks once more."""

TO_END_SECONDS = 60
"""What a test that hangs has to end what it began, before the whole process is ended."""


class Told:
    """What fails is told when it fails, and not only at the end: a run that is cut off has said what it knew."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.write(f"\n{report.nodeid} failed in its {report.when}:\n", red=True)
            lines = report.longreprtext.splitlines()
            self._terminal.write_line("\n".join(lines if len(lines) <= 80 else [*lines[:30], "...", *lines[-50:]]))


@pytest.hookimpl(trylast=True)  # once there is a terminal
def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all is imported and collected: none of that is garbage
    if config.getoption("numprocesses", None):  # of the whole suite; whoever runs a few tests soon sees the end
        config.pluginmanager.register(Told(config.pluginmanager.getplugin("terminalreporter")))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is there by now stays, and is looked at no more whenever a test's garbage is looked for."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    if iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = within(float(pyfuncitem.config.getini("timeout")) - TO_END_SECONDS, pyfuncitem.obj)
    return (yield)


def within(seconds: float, test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A test that hangs fails where it waits, and its fixtures end: a signal leaves an event loop that nobody runs."""

    @wraps(test)
    async def bounded(**given: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(**given)

    return bounded


@pytest.fixture(scope="session")
def stack() -> Iterator[Up]:
    """Everything, by one command; one for each process of the test run, since tests steer its downstream."""
    up = Up()
    yield up
    assert up.end() == 0
