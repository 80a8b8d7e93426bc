"""A job as everybody sees it: its states, its calls, and how it is read from what the scripts keep."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from bff.catalog.model import Priority
from bff.fact import fact


class JobStatus(StrEnum):
    """Moves only forward; a terminal state never changes.

    queued -> running -> succeeded | failed | expired | cancelled      (any terminal state may also follow queued)
    """

    QUEUED = "queued"
    """By submit. Out: take (running), cancel, expire."""
    RUNNING = "running"
    """By take, of its first call. Out: finish (succeeded, failed), cancel, expire."""
    SUCCEEDED = "succeeded"
    """By finish or expire: every required call is done."""
    FAILED = "failed"
    """By finish: a required call failed for good."""
    EXPIRED = "expired"
    """By expire, take or sweep: too late to be of use."""
    CANCELLED = "cancelled"
    """By cancel: the client asked."""

    @property
    def terminal(self) -> bool:
        return self not in _UNDER_WAY


class CallStatus(StrEnum):
    """waiting (on another call) -> queued -> running -> one of the rest; running -> queued by retry and reclaim."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FALLBACK = "fallback"
    FAILED = "failed"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def good(self) -> bool:
        return self in _GOOD

    @property
    def open(self) -> bool:
        return self in _OPEN


# To name a member takes three times as long as to look one up in a set.
_UNDER_WAY = frozenset((JobStatus.QUEUED, JobStatus.RUNNING))
_GOOD = frozenset((CallStatus.SUCCEEDED, CallStatus.FALLBACK))
_OPEN = frozenset((CallStatus.WAITING, CallStatus.QUEUED, CallStatus.RUNNING))


class Mode(StrEnum):
    ASYNC = "async"
    SYNC = "sync"


class Medium(StrEnum):
    """How somebody is told of a job's end. No service has such a name (catalog.services.TAKEN_NAMES)."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class When(StrEnum):
    """When somebody is told of a job's end."""

    ALWAYS = "always"
    UNCLAIMED = "unclaimed"
    """Only if its client has not read it within the grace time."""


class Source(StrEnum):
    """Where a call's data came from."""

    LIVE = "live"
    CACHE = "cache"
    STATIC = "static"


@fact()
class CallState:
    """One call of a job; `error` is a word of `downstream.Reason`. `undoes` says that it is a compensation."""

    name: str
    status: CallStatus
    attempts: int = 0
    source: Source | None = None
    http_status: int | None = None
    milliseconds: int | None = None
    age_ms: int | None = None
    error: str | None = None
    undoes: bool = False


@fact(kw_only=True)
class Job:
    """A job at one moment. Times are Unix ms by the broker's clock; `now_ms` is when this was read there.

    `outcomes` holds the JSON data, as bytes, of the calls that have any. `to_claim`: it has ended, and its client is
    not known to have read how. `position` is the number of entries before its own, -1 where it has none waiting;
    `expected_ms` the time from now to its end, as far as can be told. `final_version` is the one that it ended with;
    compensations still raise `version` after that.
    """

    id: str
    operation: str
    client: str
    priority: Priority
    mode: Mode
    status: JobStatus
    version: int
    submitted_ms: int
    deadline_ms: int
    now_ms: int
    calls: tuple[CallState, ...]
    outcomes: Mapping[str, bytes]
    started_ms: int | None = None
    finished_ms: int | None = None
    expires_ms: int | None = None
    blame: str | None = None
    to_claim: bool = False
    final_version: int | None = None
    position: int = -1
    expected_ms: int = 0

    @property
    def graph(self) -> tuple[CallState, ...]:
        """The calls that the client asked for: all but compensations."""
        return tuple([call for call in self.calls if not call.undoes])

    @property
    def partial(self) -> bool:
        return self.status is JobStatus.SUCCEEDED and not _GOOD.issuperset([call.status for call in self.graph])

    def ended_by(self, version: int) -> bool:
        """Whether who has seen this version has seen the end: compensations may have raised the version since."""
        return self.status.terminal and (self.final_version or self.version) <= version <= self.version

    @property
    def degraded(self) -> bool:
        return CallStatus.FALLBACK in [call.status for call in self.graph]


@fact()
class Ended:
    """A job that a script has just ended, for whoever counts."""

    job_id: str
    operation: str
    priority: Priority
    mode: Mode
    status: JobStatus
    milliseconds: int


Word = TypeVar("Word", bound=StrEnum)


def as_sent(words: type[Word]) -> dict[bytes, Word]:
    """An enum's members by what Redis sends for them: to look one up is quicker than to make it."""
    return {word.encode(): word for word in words}


PRIORITY = as_sent(Priority)
MODE = as_sent(Mode)
_STATUS = as_sent(JobStatus)


def pairs(flat: list[Any]) -> dict[str, bytes]:
    """A hash as scripts return it: field, value, field, value …"""
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def decode_ended(rows: list[list[Any]]) -> list[Ended]:
    """What scripts return as `ended`."""
    return [
        Ended(
            row[0].decode(),
            row[1].decode(),
            PRIORITY[row[2]],
            MODE[row[3]],
            _STATUS[row[4]],
            int(row[5]),
        )
        for row in rows
    ]


def decode_job(job_id: str, reply: list[Any], plan: Mapping[str, Any]) -> Job:
    """A job from the reply of scripts/read.lua and its plan's document."""
    now_ms, flat, outcomes, position, expected_ms = reply
    words = [part.decode() for part in flat]
    fields = dict(zip(words[::2], words[1::2], strict=True))
    return job_of(job_id, now_ms, fields, pairs(outcomes), plan, position, expected_ms)


def job_of(
    job_id: str,
    now_ms: int,
    fields: Mapping[str, str],
    outcomes: Mapping[str, bytes],
    plan: Mapping[str, Any],
    position: int = -1,
    expected_ms: int = 0,
) -> Job:
    """A job from the fields that scripts keep of it."""
    status = JobStatus(fields["status"])
    return Job(
        id=job_id,
        operation=fields["operation"],
        client=fields["client"],
        priority=Priority(fields["priority"]),
        mode=Mode(fields["mode"]),
        status=status,
        version=int(fields["version"]),
        submitted_ms=int(fields["submitted"]),
        deadline_ms=int(fields["deadline"]),
        now_ms=now_ms,
        calls=tuple(_calls(fields, plan)),
        outcomes=outcomes,
        started_ms=_number(fields.get("started")),
        finished_ms=_number(fields.get("finished")),
        expires_ms=_number(fields.get("expires")),
        blame=fields.get("blame"),
        to_claim=status.terminal and "claimed" not in fields,
        final_version=_number(fields.get("final")),
        position=position,
        expected_ms=expected_ms,
    )


def _calls(fields: Mapping[str, str], plan: Mapping[str, Any]) -> Iterator[CallState]:
    undone = [call["undo"]["name"] for call in reversed(plan["calls"]) if "undo" in call]
    for call in plan["calls"]:
        yield _call(call["name"], fields, undoes=False)
    for name in undone:
        if f"{name}.status" in fields:
            yield _call(name, fields, undoes=True)


def _call(name: str, fields: Mapping[str, str], *, undoes: bool) -> CallState:
    source = fields.get(f"{name}.source")
    return CallState(
        name=name,
        status=CallStatus(fields[f"{name}.status"]),
        attempts=int(fields.get(f"{name}.attempts", 0)),
        source=Source(source) if source else None,
        http_status=_number(fields.get(f"{name}.http_status")),
        milliseconds=_number(fields.get(f"{name}.ms")),
        age_ms=_number(fields.get(f"{name}.age_ms")),
        error=fields.get(f"{name}.error") or None,
        undoes=undoes,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text else None
