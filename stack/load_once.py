"""One run of `bff load`: driven, watched, and what it wrote."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

from loadtest.drive import Driven, drive
from loadtest.hdr import write_logs
from loadtest.progress import Observer
from loadtest.run import NotDriven
from loadtest.watch.live_view import LiveView
from loadtest.watch.ndjson import SeriesFile, write_requests
from loadtest.watch.truth import Metrics
from scenario.stage import Stage
from stack.own_stack import StackDied
from stack.place import Place
from stack.refused import WrongUse, this_command

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where what happened is written, beside the figures."""

    ndjson: Path | None = None
    requests: Path | None = None
    hdr: Path | None = None

    def __bool__(self) -> bool:
        return any((self.ndjson, self.requests, self.hdr))


def driven(stage: Stage, place: Place, files: Files) -> Driven:
    """Exits with a line where there is no run."""
    metrics = Metrics(place.metrics_urls, stage.bottleneck.name)
    observers: list[Observer] = [metrics, LiveView(stage, metrics, sys.stderr), *place.observers]
    with ExitStack() as open_files:
        series, requests = (open_files.enter_context(_opened(file)) for file in (files.ndjson, files.requests))
        if series:
            observers.append(SeriesFile(series, metrics))
        try:
            run = run_until_interrupted(
                lambda stop: drive(stage, place.target, mock_url=place.mock_url, observers=observers, stop=stop)
            )
        except (NotDriven, StackDied) as error:
            sys.exit(f"{this_command()}: {error}")
        if requests:
            write_requests(run.record, stage, requests)
    if files.hdr:
        write_logs(run.record, files.hdr)
    return replace(run, notes=[*run.notes, *metrics.notes(stage), *place.notes()])


@contextmanager
def _opened(file: Path | None) -> Iterator[TextIO | None]:
    """Raises WrongUse."""
    if file is None:
        yield None
        return
    try:
        opened = file.open("w", encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{this_command()}: {file}: {error.strerror}") from None
    with opened:
        yield opened


def run_until_interrupted(run: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """What is run is told to stop by the first Ctrl-C or SIGTERM; a second Ctrl-C ends it as it is."""

    async def main() -> T:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def interrupted() -> None:
            if stop.is_set():
                os._exit(128 + signal.SIGINT)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted)
        return await run(stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, which there is none of on Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
