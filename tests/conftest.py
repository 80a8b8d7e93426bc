from collections.abc import Iterator

import pytest

from tests.contract.stack import Up


@pytest.fixture(scope="session")
def stack() -> Iterator[Up]:
    """Everything, by one command; one for each process of the test run, since tests steer its downstream."""
    up = Up()
    yield up
    assert up.end() == 0
