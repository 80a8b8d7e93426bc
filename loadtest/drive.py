"""A scenario driven at a gateway: what is set before, what is watched beside, and the figures in the end."""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.client.attempt import NO_ANSWER
from loadtest.client.connections import NoAnswer
from loadtest.client.gateway import Gateway, preflight
from loadtest.client.target import Target
from loadtest.measured import measured, sender_of
from loadtest.mock import Mock, NoMock, Seen, set_for, strained
from loadtest.progress import Observer, Progress, Truth
from loadtest.record import Record
from loadtest.rollout import synchronous
from loadtest.room import room_to_work
from loadtest.run import NotDriven, Run
from loadtest.saturation import saturated
from scenario.arrivals import arrivals, expected_arrivals
from scenario.model import Pattern
from scenario.result import Figures
from scenario.stage import Stage

LEAD_SECONDS = 0.5
"""From the end of all preparations to the first arrival."""
INTERRUPTED = "it was interrupted: clients that were under way are not in the figures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """A run. `invalid` says why it says nothing of the stack; `notes` what else must be known of it."""

    figures: Figures
    record: Record
    invalid: Sequence[str]
    notes: Sequence[str]

    @property
    def failures(self) -> list[str]:
        """What may never happen."""
        load = self.figures.load or {}
        failed = []
        if self.figures.attempts and load["failed_by_reason"].get(NO_ANSWER) == self.figures.attempts:
            failed.append("the gateway answered nothing at all")
        if load["lost"]:
            failed.append(f"{load['lost']} of the accepted jobs never came to an end")
        if (load["max_effects_per_key"] or 0) > 1:
            failed.append(f"a call had its effect {load['max_effects_per_key']} times")
        return failed


async def drive(
    stage: Stage,
    target: Target,
    *,
    mock_url: str | None = None,
    observers: Sequence[Observer] = (),
    stop: asyncio.Event | None = None,
) -> Driven:
    """The whole run; `stop` ends it early. Raises NotDriven."""
    notes: list[str] = []
    async with AsyncExitStack() as around:
        gateway = await around.enter_async_context(Gateway.at(target.url))
        await _reachable(gateway, target)
        mock = await _mock(around, stage, mock_url, notes)
        if stage.scenario.pattern is Pattern.SYNC and target.admin_key:
            await around.enter_async_context(synchronous(gateway, stage, target.admin_headers))
        progress = Progress(
            duration_seconds=stage.scenario.traffic.duration_seconds, planned=expected_arrivals(stage.scenario.traffic)
        )
        run = Run(stage, gateway, target, progress)
        with room_to_work():
            whole = await _watched(run, stage, progress, observers, stop or asyncio.Event())
        seen = await _seen(mock, stage, notes)
    truth = next((each for observer in observers if (each := observer.truth()) is not None), None)
    return _driven(stage, run, progress, truth, seen, notes, whole=whole)


async def _reachable(gateway: Gateway, target: Target) -> None:
    """With every key. Raises NotDriven."""
    for number in range(max(1, len(target.keys))):
        try:
            answer = await preflight(gateway, target.headers(number))
        except NoAnswer as error:
            raise NotDriven(f"no gateway answers at {target.url}: {error}") from None
        if answer.status in (401, 403):
            raise NotDriven(f"the gateway at {target.url} asks for a key that it knows (--key)")
        if answer.status != 200:
            raise NotDriven(f"what answers at {target.url} is no gateway: {answer.reason}")


async def _mock(around: AsyncExitStack, stage: Stage, url: str | None, notes: list[str]) -> Mock | None:
    if url is None:
        return None
    try:
        mock = await around.enter_async_context(set_for(stage, url))
    except NoMock as error:
        notes.append(
            f"no mock downstream answers at {url} ({error}): service times are as they are, effects are not counted"
        )
        return None
    if mock.was_busy:
        notes.append("the mock downstream was at work for somebody else when the run began: its counts are of both")
    return mock


async def _seen(mock: Mock | None, stage: Stage, notes: list[str]) -> dict[str, Seen] | None:
    if mock is None:
        return None
    try:
        return await mock.seen(stage)
    except NoMock as error:
        notes.append(f"the mock downstream could not be asked what it saw: {error}")
        return None


async def _watched(
    run: Run, stage: Stage, progress: Progress, observers: Sequence[Observer], stop: asyncio.Event
) -> bool:
    """Whether it came to its own end."""
    progress.start = time.perf_counter() + LEAD_SECONDS
    stopped = asyncio.create_task(_when(stop))
    beside = {stopped, *(asyncio.create_task(observer.watch(progress)) for observer in observers)}
    try:
        whole = await _until(stopped, beside, run.clients(arrivals(stage.scenario)))
        whole = whole and await _until(stopped, beside, run.settle(now=False))
        if not whole:
            await run.settle(now=True)
        return whole
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


async def _when(stop: asyncio.Event) -> None:
    await stop.wait()


async def _until(
    stopped: "asyncio.Task[None]", beside: "set[asyncio.Task[None]]", work: Coroutine[Any, Any, None]
) -> bool:
    """Whether it was done before it was stopped. Raises what it raises, or what is beside it."""
    working = asyncio.create_task(work)
    waiting = {working, *(task for task in beside if not task.done())}
    try:
        while not working.done() and not stopped.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {working}:
                task.result()
    finally:
        working.cancel()
        await asyncio.wait({working})
    if working.cancelled():
        return False
    working.result()
    return True


def _untold(record: Record) -> list[str]:
    if not record.untold:
        return []
    return [f"the gateway did not say what became of {record.untold:,} of the accepted jobs: they may be lost"]


def _driven(
    stage: Stage,
    run: Run,
    progress: Progress,
    truth: Truth | None,
    services: Mapping[str, Seen] | None,
    notes: Sequence[str],
    *,
    whole: bool,
) -> Driven:
    record = run.record
    seconds = progress.duration_seconds if whole else min(progress.duration_seconds, max(run.last_sent_at, 1e-3))
    sender = sender_of(record, seconds, run.last_sent_at, run.busy_seconds)
    invalid = [*saturated(sender), *([] if whole else [INTERRUPTED]), *_untold(record)]
    load = {
        "valid": not invalid,
        "reasons": invalid,
        "sender": asdict(sender),
        "retries": progress.retries,
        "looks": progress.polls,
        "lost_answers": progress.lost_answers,
        "partial": record.partial,
        "lost": record.lost_jobs,
        "failed_by_reason": dict(record.failed_by_reason),
        "max_effects_per_key": services and max(each.max_effects_per_key for each in services.values()),
        "services": None if services is None else {name: asdict(each) for name, each in services.items()},
        "seed": stage.scenario.seed,
        "pattern": stage.scenario.pattern.value,
        "wait": stage.scenario.clients.wait.value,
    }
    strain = list(strained(services or {}))
    figures = measured(stage, record, truth, load)
    return Driven(figures=figures, record=record, invalid=invalid, notes=[*notes, *strain])
