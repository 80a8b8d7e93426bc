"""What the system itself says while it is driven: its metrics, about once a second, on the run's own clock."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan

import aiohttp

from loadtest.progress import Progress, Truth
from loadtest.watch.standing import Standing, standing_of
from scenario.stage import Stage

EVERY_SECONDS = 1.02
"""From one answer to the next request: a gateway reads its broker anew only when the last reading is a second old."""
PATIENCE_SECONDS = 4.0
"""A gateway waits for its broker for up to 3 s."""
LATE_SECONDS = 0.5
GAP_SECONDS = 3.0
"""What lies between two readings further apart than this is not known."""
NOT_HERE = {401: "asks for a key", 403: "is forbidden", 404: "is not there; it may be on a port of its own"}


@dataclass(slots=True)
class Scrapes:
    """How the reading itself went."""

    made: int = 0
    late: int = 0
    missed: int = 0
    said: list[str] = field(default_factory=list)
    """What a person should know, one line each."""

    def say(self, line: str) -> None:
        if line not in self.said:
            self.said.append(line)


class Metrics:
    """Watches the metrics of gateways and workers at these URLs, for what they tell of one service."""

    def __init__(self, pages: Sequence[str], service: str) -> None:
        self._pages = list(pages)
        self._service = service
        self._standings: list[Standing] = []
        self._duration_seconds = 0.0
        self._answered_at = float("-inf")
        self.scrapes = Scrapes()

    def latest(self, at: float) -> Standing | None:
        """None where it is too old, `at` seconds into the run, to be told as how things stand."""
        last = self._standings[-1] if self._standings else None
        return last if last and at - last.at < GAP_SECONDS else None

    async def watch(self, progress: Progress) -> None:
        """Until cancelled; then once more, so that the end is known too."""
        self._duration_seconds = progress.duration_seconds
        patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with aiohttp.ClientSession(timeout=patience) as session:
            try:
                while self._pages:
                    await self._read(session, progress)
                    await asyncio.sleep(EVERY_SECONDS)
            finally:
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_SECONDS + LATE_SECONDS):
                        await asyncio.sleep(self._answered_at + EVERY_SECONDS - progress.at)
                        await self._read(session, progress)

    def told(self, standing: Standing) -> None:
        self._standings.append(standing)

    def truth(self) -> Truth | None:
        """None where nothing was told."""
        if not self._standings:
            return None
        return Truth(
            depths=[(standing.at, standing.depth) for standing in self._standings],
            depth=each_second(self._standings, lambda standing: standing.depth),
            oldest_age=each_second(self._standings, lambda standing: standing.oldest_age),
            utilisation=utilisation(self._while_sending() or self._standings),
            extra={"metrics": self._extra()},
        )

    def notes(self, stage: Stage) -> list[str]:
        """What must be known of what was told: where it was not, and where it is not what the scenario says."""
        return [*self.scrapes.said, *self._unlike(stage)]

    def _unlike(self, stage: Stage) -> Iterator[str]:
        if not self._standings:
            yield "no metrics were told: depth, age and slots are as the clients' jobs tell"
            return
        last, service = self._standings[-1], stage.bottleneck.service
        for what, got, wanted in (
            ("places", last.capacity, service.capacity),
            ("slots", last.slots, service.max_concurrency),
        ):
            if got != wanted:
                yield f"{service.name} has {got:,.0f} {what} there, and {wanted:,} in the scenario (`bff export`)"

    def _while_sending(self) -> list[Standing]:
        return [standing for standing in self._standings if 0 <= standing.at <= self._duration_seconds]

    def _around_sending(self) -> list[Standing]:
        """With the last reading before, and the first after."""
        before = [standing for standing in self._standings if standing.at < 0][-1:]
        after = [standing for standing in self._standings if standing.at > self._duration_seconds][:1]
        return [*before, *self._while_sending(), *after]

    def _extra(self) -> dict[str, object]:
        said = self._standings
        return {
            "readings": self.scrapes.made,
            "late": self.scrapes.late,
            "missed": self.scrapes.missed,
            "peak_predicted_wait_seconds": max(standing.predicted_wait for standing in said),
            "peak_held": max(standing.held for standing in said),
            "peak_sync_jobs": max(standing.sync_jobs for standing in said),
            "cores": cores(self._around_sending()),
        }

    async def _read(self, session: aiohttp.ClientSession, progress: Progress) -> None:
        if not self._pages:
            return
        began = progress.at
        pages = await asyncio.gather(*(self._page(session, url) for url in self._pages))
        self._answered_at = progress.at
        took = self._answered_at - began
        standing = standing_of(began + took / 2, filter(None, pages), self._service)
        self.scrapes.made += 1
        self.scrapes.late += took > LATE_SECONDS
        self.scrapes.missed += standing is None
        if standing:
            self.told(standing)

    async def _page(self, session: aiohttp.ClientSession, url: str) -> str:
        """Empty where there is none."""
        try:
            async with session.get(url) as answer:
                if answer.status in NOT_HERE:
                    self._pages.remove(url)
                    self.scrapes.say(f"{url} {NOT_HERE[answer.status]} ({answer.status}): what it tells is left out")
                return await answer.text() if answer.ok else ""
        except (aiohttp.ClientError, TimeoutError):
            return ""


def each_second(standings: Sequence[Standing], read: Callable[[Standing], float]) -> list[float]:
    """What was read at the end of each second from 0 on, on the straight line between two readings; nan in gaps.

    The second in which the last reading was made ends with that.
    """
    values: list[float] = []
    for before, after in pairwise(standings):
        while len(values) + 1 <= after.at:
            at = len(values) + 1
            known = before.at <= at and after.at - before.at <= GAP_SECONDS
            share = (at - before.at) / (after.at - before.at)
            values.append(round(read(before) + share * (read(after) - read(before)), 3) if known else nan)
    return [*values, read(standings[-1])] if len(values) == int(standings[-1].at) else values


def utilisation(standings: Sequence[Standing]) -> float:
    """Busy slots, of all."""
    slots = sum(standing.slots for standing in standings)
    return min(1.0, sum(standing.in_flight for standing in standings) / slots) if slots else 0.0


def cores(standings: Sequence[Standing]) -> dict[str, float]:
    """That gateways and workers kept busy on average."""
    if len(standings) < 2:
        return {}
    first, last = standings[0], standings[-1]
    roles = first.cpu_seconds.keys() & last.cpu_seconds.keys()
    return {role: (last.cpu_seconds[role] - first.cpu_seconds[role]) / (last.at - first.at) for role in sorted(roles)}
