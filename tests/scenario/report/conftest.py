import pytest

from scenario.comparison.named import Named
from scenario.report.page import page
from scenario.result import Source
from scenario.stage import Stage
from tests.browser.conftest import anyio_backend, browser
from tests.scenario.report.played import MIXED, played, the_stage

__all__ = ["anyio_backend", "browser"]


@pytest.fixture(scope="session")
def stage() -> Stage:
    """The flash sale with a twentieth of everything, and all three priorities."""
    return the_stage(0.05, mix=MIXED)


@pytest.fixture(scope="session")
def predicted(stage: Stage) -> Named:
    return Named("predicted", played(stage))


@pytest.fixture(scope="session")
def measured(stage: Stage) -> Named:
    """A fifth slower than stated, and not accepted in no time."""
    return Named("measured", played(stage, Source.LOAD, slower=1.2, accepting_seconds=0.006))


@pytest.fixture(scope="session")
def text(stage: Stage, predicted: Named, measured: Named) -> str:
    """The report of both."""
    return page(stage, [predicted, measured], title="The flash sale")
