"""Lanes as workers use them: take entries, finish or retry calls, reclaim what dead workers left, hear of new work."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from bff.broker.cell import Cell
from bff.broker.job import MODE, PRIORITY, CallStatus, Ended, Mode, Source, as_sent, decode_ended, pairs
from bff.catalog.model import Priority
from bff.fact import fact


class Supply(StrEnum):
    """Why a take brought no more; the words of scripts/take.lua."""

    TAKEN = "taken"
    IDLE = "idle"
    FULL = "full"
    """No slot is free."""
    LIMITED = "limited"
    """The service's rate, its rest or its breaker allows no more, whatever is free."""


@fact(kw_only=True)
class Entry:
    """One call to make now: an entry of a lane, taken, or a call of a synchronous job, begun. It holds a slot of its
    service until finished or retried.

    `remaining_ms` is what is left to the job's deadline, 0 for a compensation (none). `effect` says that an earlier
    attempt may have done its work. `outcomes` are those of the calls before it, JSON. `attempt` leaves out the
    `spared` ones, which the service pushed back. `barred`: the breaker is open, so it is not to be called but ended by
    what there is to fall back on.
    """

    lane: str
    id: str
    asked_at: float
    """`time.monotonic()` when it was asked for: it was taken later than that, and will be reclaimed later."""
    queued_ms: int
    remaining_ms: int
    call: str
    attempt: int
    spared: int
    effect: bool
    parameters: bytes
    outcomes: dict[str, bytes]
    job_id: str
    operation: str
    priority: Priority
    mode: Mode
    traceparent: str
    tracestate: str
    barred: bool = False


class Health(StrEnum):
    """What the end of a call says of its service, for the breaker; the words of scripts/lib/breaker.lua."""

    WELL = "well"
    ILL = "ill"
    SILENT = ""


@fact()
class Taken:
    """`again_ms`: when to ask again, where it is full or limited. `last_ids`: what to wait behind where it is idle."""

    supply: Supply
    again_ms: int
    last_ids: Sequence[str]
    entries: Sequence[Entry]
    ended: Sequence[Ended]


class Noted(StrEnum):
    """What an end that was told has come to; the words of scripts/finish.lua and retry.lua."""

    DONE = "done"
    PARKED = "parked"
    TOO_LATE = "too-late"
    """No retry can start in time: finish it as failed."""
    NO_BUDGET = "no-budget"
    """The service has had its share of retries: finish it as failed."""
    LATE = "late"
    """The job had ended; the answer is discarded, and undone where it had an effect."""
    STALE = "stale"
    """The entry was reclaimed; somebody else answers for the call."""


@fact(kw_only=True)
class End:
    """How a call ended. `effect`: something may have been done. `data` is kept at `cache_key` for `cache_ms`. The whole
    service rests for `pause_ms`, as it asked.

    `stored_ms` is when data that comes from the cache was stored there.
    """

    status: CallStatus
    effect: bool
    milliseconds: int
    data: bytes = b""
    source: Source | None = None
    http_status: int | None = None
    error: str | None = None
    stored_ms: int | None = None
    cache_key: str | None = None
    cache_ms: int = 0
    health: Health = Health.SILENT
    pause_ms: int = 0


class Lanes:
    """One service's lanes, as one consumer sees them. All raise BrokerUnavailable."""

    def __init__(self, cell: Cell, service: str, consumer: str) -> None:
        self.cell = cell
        self._service = service
        self._consumer = consumer
        self.keys = cell.keys.lanes(service)
        self._service_key = cell.keys.service(service)
        self._all_keys = [self._service_key, *self.keys]

    async def take(self, wanted: int) -> Taken:
        """Up to `wanted` entries, as slots and rate of the service allow over all workers together."""
        asked_at = time.monotonic()
        return _taken(await self._take(self.cell, wanted), asked_at)

    async def take_by(self, cell: Cell, wanted: int, taken_at: Callable[[int], float]) -> Taken:
        """The same by another connection, on which Redis may have something else to do first.

        `taken_at`: a moment of `time.monotonic()` no later than when it was taken, which was at so many ms Unix time.
        """
        reply = await self._take(cell, wanted)
        return _taken(reply, taken_at(reply[-1]))

    async def _take(self, cell: Cell, wanted: int) -> list[Any]:
        reply: list[Any] = await cell.run("take", self._all_keys, [self._service, self._consumer, wanted])
        return reply

    async def finish(self, entry: Entry, end: End) -> tuple[Noted, list[Ended]]:
        """Tell a call's end. The slot is free from here on."""
        keys = [self.cell.keys.job(entry.job_id), entry.lane, self._service_key]
        if end.cache_key is not None:
            keys.append(self.cell.keys.cache(end.cache_key))
        arguments: list[str | bytes | int] = [
            entry.job_id,
            entry.call,
            entry.id,
            end.status,
            int(end.effect),
            end.milliseconds,
            "" if end.http_status is None else end.http_status,
            end.error or "",
            end.source or "",
            "" if end.stored_ms is None else end.stored_ms,
            end.data,
            end.cache_ms,
            end.health,
            end.pause_ms,
        ]
        word, ended = await self.cell.run("finish", keys, arguments)
        return _NOTED[word], decode_ended(ended)

    async def retry(
        self,
        entry: Entry,
        *,
        delay_ms: int,
        effect: bool,
        error: str,
        http_status: int | None,
        pause_ms: int = 0,
        attempted: bool = True,
        budgeted: bool = True,
        health: Health = Health.SILENT,
        ran_ms: int = 0,
    ) -> Noted:
        """Park a call for another attempt in `delay_ms`; `pause_ms` makes the whole service rest for that long.

        One that was not `attempted` uses up none of the call's attempts, nor do the first ten that a 429 pushed back.
        `budgeted`: it has to come out of the service's retry budget.
        """
        keys = [self.cell.keys.job(entry.job_id), entry.lane, self._service_key, self.cell.keys.parked()]
        status = "" if http_status is None else http_status
        arguments: list[str | bytes | int] = [
            entry.job_id, entry.call, entry.id, int(effect), delay_ms, error, status, pause_ms,
            "" if entry.barred else int(attempted), int(budgeted), health, ran_ms,
        ]  # fmt: skip
        word, _ = await self.cell.run("retry", keys, arguments)
        return _NOTED[word]

    async def reclaim(self, limit: int = 100) -> tuple[int, list[Ended]]:
        """Give back the slots of entries that nobody will finish, and queue their calls again. Returns how many."""
        count, ended = await self.cell.run("reclaim", self._all_keys, [limit])
        return count, decode_ended(ended)

    async def forget_consumers(self, idle_seconds: int) -> int:
        """Forget the names of workers that hold nothing and were not heard of for so long. Returns how many."""
        return int(await self.cell.run("janitor", self.keys, [idle_seconds * 1000]))

    async def sweep(self, limit: int = 100) -> list[Ended]:
        """Let go of what stands at the heads of the lanes and can no longer run."""
        return decode_ended(await self.cell.run("sweep", self._all_keys, [limit]))

    async def cached(self, digest: str) -> tuple[bytes, int] | None:
        """The last good answer kept under this digest, and when it was stored (Unix ms)."""
        value = await self.cell.redis.execute("GET", self.cell.keys.cache(digest))
        if value is None:
            return None
        stored_ms, _, data = value.partition(b" ")
        return data, int(stored_ms)


_SUPPLY = as_sent(Supply)
_NOTED = as_sent(Noted)


def _taken(reply: list[Any], asked_at: float) -> Taken:
    """The reply of scripts/take.lua."""
    word, again_ms, last_ids, entries, ended, _ = reply
    return Taken(
        _SUPPLY[word],
        again_ms,
        [last_id.decode() for last_id in last_ids],
        [entry_of(row, asked_at) for row in entries],
        decode_ended(ended),
    )


def entry_of(row: list[Any], asked_at: float) -> Entry:
    """What scripts hand out, see scripts/lib/supply.lua."""
    (
        lane, entry_id, queued_ms, remaining_ms, call, attempts, spared, effect, parameters,
        job_id, operation, priority, mode, traceparent, tracestate, outcomes, barred,
    ) = row  # fmt: skip
    return Entry(
        lane=lane.decode(),
        id=entry_id.decode(),
        asked_at=asked_at,
        queued_ms=queued_ms,
        remaining_ms=remaining_ms,
        call=call.decode(),
        attempt=attempts - spared,
        spared=spared,
        effect=effect == b"1",
        parameters=parameters,
        outcomes=pairs(outcomes),
        job_id=job_id.decode(),
        operation=operation.decode(),
        priority=PRIORITY[priority],
        mode=MODE[mode],
        traceparent=traceparent.decode(),
        tracestate=tracestate.decode(),
        barred=barred == 1,
    )
