"""The calls of synchronous jobs, as the gateway that makes them begins them; they end like all others, see lanes.py."""

import time
from dataclasses import dataclass
from enum import StrEnum

from bff.broker.cell import Cell
from bff.broker.job import Ended, decode_ended
from bff.broker.lanes import Entry, entry_of


class Beginning(StrEnum):
    """What came of the wish to begin a call; the words of scripts/begin.lua."""

    BEGUN = "begun"
    LIMITED = "limited"
    """The service has no slot or no permit: ask again in `again_ms`."""
    EARLY = "early"
    """It is a retry, due in `again_ms`."""
    OVER = "over"
    """Nothing is left to do: it was too late, or its job has ended."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`entry` where it was begun. `ended` where its job ended by that."""

    beginning: Beginning
    again_ms: int
    entry: Entry | None
    ended: list[Ended]


async def begin(cell: Cell, job_id: str, call: str) -> Begun:
    """Begin a call that is queued, where its service has a slot and a permit for it. Raises BrokerUnavailable."""
    asked_at = time.monotonic()
    word, again_ms, row, ended = await cell.run("begin", [cell.keys.job(job_id)], [job_id, call, cell.process])
    return Begun(Beginning(word.decode()), again_ms, entry_of(row, asked_at) if row else None, decode_ended(ended))
