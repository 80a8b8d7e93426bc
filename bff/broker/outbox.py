"""The outbox: who is still to be told of which job's end. See scripts/lib/notify.lua."""

from dataclasses import dataclass
from typing import Any

from bff.broker.cell import Cell
from bff.broker.job import Job, pairs
from bff.broker.jobs import Jobs

LEASE_MS = 30_000
"""Longer than an attempt takes, and than arq takes to begin one: what is not concluded by then comes again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One handing over of a job's notification: the right to one attempt, as long as it is the last one."""

    job_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Notification:
    """What there is to deliver. `attempt` counts from 1."""

    job: Job
    uri: str
    attempt: int
    traceparent: str
    tracestate: str


class Outbox:
    """One script for each of these. All raise BrokerUnavailable."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._jobs = Jobs(cell)

    async def hand_over(self, limit: int) -> list[Turn]:
        """The notifications that are due, each with a lease on it."""
        rows = await self._cell.run("hand_over", [self._cell.keys.notify()], [limit, LEASE_MS])
        return [Turn(job_id.decode(), number) for job_id, number in rows]

    async def begin(self, turn: Turn) -> Notification | None:
        """None where it is not wanted any more, or another turn's."""
        reply = await self._run("begin_delivery", turn, LEASE_MS)
        job = await self._jobs.decoded(turn.job_id, reply)
        if job is None:
            return None
        fields = {name: value.decode() for name, value in pairs(reply[1]).items()}
        return Notification(
            job,
            fields["notify"],
            int(fields["notify_tries"]),
            fields.get("traceparent", ""),
            fields.get("tracestate", ""),
        )

    async def delivered(self, turn: Turn) -> None:
        await self._end(turn, "delivered")

    async def drop(self, turn: Turn) -> None:
        """It is not wanted where it was to go."""
        await self._end(turn, "dropped")

    async def again(self, turn: Turn, delay_ms: int) -> None:
        await self._end(turn, "again", delay_ms)

    async def untried(self, turn: Turn, delay_ms: int) -> None:
        """Again, and no attempt was made."""
        await self._end(turn, "untried", delay_ms)

    async def bury(self, turn: Turn, *, medium: str, receiver: str, error: str) -> None:
        """To the dead letters. `receiver` is for operators to read: no secret may be in it."""
        await self._end(turn, "buried", 0, medium, receiver, error)

    async def _end(self, turn: Turn, word: str, delay_ms: int = 0, *told: str) -> None:
        medium, receiver, error = told or ("", "", "")
        await self._run("end_delivery", turn, word, delay_ms, medium, receiver, error)

    async def _run(self, name: str, turn: Turn, *more: str | int) -> list[Any]:
        reply: list[Any] = await self._cell.run(
            name, [self._cell.keys.job(turn.job_id)], [turn.job_id, turn.number, *more]
        )
        return reply
