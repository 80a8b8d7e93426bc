from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stack.fakes import Up, write_fakes


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Start `bff up` with these options, on free ports."""
    write_fakes(tmp_path / "fakes")
    with ExitStack() as ending:

        def start(*options: str, behaviour: str = "") -> Up:
            started = Up(tmp_path / "fakes", *options, behaviour=behaviour)
            ending.callback(started.end_left_over)
            return started

        yield start
