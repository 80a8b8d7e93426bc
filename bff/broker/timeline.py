"""What happened to a job across gateways and workers, as the scripts told it in the very step that did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class What(StrEnum):
    """Of the job where no call is named, else of that call; the words of the scripts."""

    SUBMITTED = "submitted"
    INLINE = "inline"
    """Performed by the gateway before the job was submitted."""
    QUEUED = "queued"
    TAKEN = "taken"
    BARRED = "barred"
    """Taken while the breaker was open: not to be called, but ended by what there is to fall back on."""
    ENDED = "ended"
    """As whoever performed it told."""
    PARKED = "parked"
    """It is tried again after `delay_ms`."""
    RECLAIMED = "reclaimed"
    """Its worker was lost."""
    FAILED = "failed"
    """Given up: it was lost with its worker too often."""
    EXPIRED = "expired"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    FALLBACK = "fallback"
    """Answered by static data."""
    BURIED = "buried"
    """Among the dead letters from here on."""
    REPLAYED = "replayed"
    """An operator had a dead letter of it put back to work."""
    DISCARDED = "discarded"
    """… or forgotten."""
    FINISHED = "finished"
    """The job has ended."""
    NOTIFYING = "notifying"
    """An attempt to tell somebody of its end begins."""
    NOTIFICATION = "notification"
    """How that went: delivered, dropped, again, untried, buried."""
    FETCHED = "fetched"
    """Its client read how it ended, for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`after_ms`: since the job was submitted. `by` is a process, `status` a word of the call, job or notification."""

    after_ms: int
    what: What
    call: str | None = None
    by: str | None = None
    attempt: int | None = None
    lane: str | None = None
    queued_ms: int | None = None
    delay_ms: int | None = None
    status: str | None = None
    http_status: int | None = None
    milliseconds: int | None = None
    source: str | None = None
    error: str | None = None


_NUMBERS = frozenset({"attempt", "queued_ms", "delay_ms", "http_status", "milliseconds"})
_MEMBERS: Mapping[What, Sequence[str]] = {
    What.SUBMITTED: ("by",),
    What.INLINE: ("call", "http_status", "milliseconds"),
    What.QUEUED: ("call", "lane"),
    What.TAKEN: ("call", "by", "attempt", "queued_ms"),
    What.BARRED: ("call", "by", "attempt", "queued_ms"),
    What.ENDED: ("call", "status", "http_status", "milliseconds", "source", "error"),
    What.PARKED: ("call", "delay_ms", "http_status", "milliseconds", "error"),
    What.BURIED: ("call", "error"),
    What.FINISHED: ("status", "call"),
    What.NOTIFYING: ("attempt",),
    What.NOTIFICATION: ("status", "delay_ms"),
    What.FETCHED: (),
}
"""What stands behind each word, in this order; behind one that is not here, the call."""


def event_of(line: str) -> Event:
    """From "<ms since submitted> <what> <more> …"; what is empty is not there."""
    after_ms, word, *more = line.split(" ")
    what = What(word)
    members = {name: text for name, text in zip(_MEMBERS.get(what, ("call",)), more, strict=False) if text}
    known: dict[str, Any] = {name: int(text) if name in _NUMBERS else text for name, text in members.items()}
    return Event(after_ms=int(after_ms), what=what, **known)
