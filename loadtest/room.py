"""Room for the load tester to work, on a machine that it shares with what it measures."""

import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FIRST = -10  # of -20 to 19, 0 being usual
YOUNG = 100_000
"""Objects made between two collections."""


@contextmanager
def room_to_work() -> Iterator[None]:
    """Who sends late, or waits for a connection, measures its own crowd."""
    with _first_in_line(), _connections(), _few_collections():
        yield


@contextmanager
def _first_in_line() -> Iterator[None]:
    """Before the stack where there is no core to spare, if that is allowed."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(before, FIRST))
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def _connections() -> Iterator[None]:
    """As many as may be had."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@contextmanager
def _few_collections() -> Iterator[None]:
    """The garbage of a run is little, and looking for it among all that waits takes long enough to send late."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
