"""Jobs as a gateway handles them: submit, read, cancel."""

import asyncio
import hashlib
import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic_core import from_json

from bff.broker.cell import Cell
from bff.broker.errors import NOT_KEPT, BrokerUnavailable
from bff.broker.job import (
    CallState,
    CallStatus,
    Ended,
    Job,
    JobStatus,
    Mode,
    Source,
    When,
    decode_ended,
    decode_job,
    job_of,
)
from bff.broker.quota import UNLIMITED, Quota, Usage
from bff.broker.timeline import Event, event_of
from bff.catalog.model import Priority
from bff.fact import fact

IDEMPOTENCY_SECONDS = 86_400
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Refusal(StrEnum):
    """Why the broker does not take a job now; the words of scripts/lib/admission.lua."""

    QUEUE_FULL = "queue-full"
    SHEDDING = "shedding"
    DEADLINE_UNATTAINABLE = "deadline-unattainable"
    DOWNSTREAM_UNAVAILABLE = "downstream-unavailable"


@dataclass(frozen=True, slots=True)
class Done:
    """An inline call that succeeded before its job was submitted. `data` is JSON."""

    call: str
    milliseconds: int
    http_status: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Notify:
    """Whom to tell of a job's end: https://… or mailto:…"""

    uri: str
    when: When


@fact(kw_only=True)
class Submission:
    """What is asked for, validated. `parameters` is the JSON of the operation's model, in its canonical form."""

    id: str
    operation: str
    client: str
    priority: Priority
    timeout_ms: int
    parameters: bytes
    mode: Mode = Mode.ASYNC
    idempotency_key: str | None = None
    traceparent: str = ""
    tracestate: str = ""
    done: Sequence[Done] = ()
    quota: Quota = UNLIMITED
    notify: Notify | None = None


@fact()
class Accepted:
    """Durable in the broker. `ended` is filled where nothing was left to do; `usage` where the client has a quota.

    `read_back` is the job where it does not stand as `calls` says: it was at once given up in part, or has ended.
    """

    submission: Submission
    calls: tuple[CallState, ...]
    now_ms: int
    position: int
    expected_ms: int
    ended: Sequence[Ended]
    usage: Usage | None = None
    read_back: Job | None = None

    @property
    def job(self) -> Job:
        """As it was accepted: what a read would have said, most often without one."""
        if self.read_back is not None:
            return self.read_back
        asked = self.submission
        return Job(
            id=asked.id,
            operation=asked.operation,
            client=asked.client,
            priority=asked.priority,
            mode=asked.mode,
            status=JobStatus.QUEUED,
            version=1,
            submitted_ms=self.now_ms,
            deadline_ms=self.deadline_ms,
            now_ms=self.now_ms,
            calls=self.calls,
            outcomes={done.call: done.data for done in asked.done},
            position=self.position,
            expected_ms=self.expected_ms,
        )

    @property
    def deadline_ms(self) -> int:
        return self.now_ms + self.submission.timeout_ms


@dataclass(frozen=True, slots=True)
class Replayed:
    """This Idempotency-Key and body made this job before."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """This Idempotency-Key was used with another body."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not taken, nothing kept. In `retry_ms` the reason would be gone; `expected_ms` is the predicted wait."""

    reason: Refusal
    service: str
    retry_ms: int
    expected_ms: int


class Bound(StrEnum):
    """Which part of its quota a client has used up; the words of scripts/submit.lua."""

    REQUESTS = "requests"
    IN_FLIGHT = "in-flight"


@dataclass(frozen=True, slots=True)
class QuotaExceeded:
    """Not taken, nothing kept. `retry_ms` is 0 where it cannot be told: when one of the client's jobs ends."""

    bound: Bound
    retry_ms: int
    usage: Usage | None


class Cancellation(StrEnum):
    """What became of a wish to cancel; the words of scripts/cancel.lua."""

    CANCELLED = "cancelled"
    IN_FLIGHT = "in-flight"
    ALREADY = "already"
    FINISHED = "finished"
    UNKNOWN = "unknown"


class Jobs:
    """One round trip to the broker for each of these. All raise BrokerUnavailable."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._plans: dict[str, Mapping[str, Any]] = {
            plan.id: json.loads(plan.document) for plan in cell.catalog.plans.values()
        }
        self._nothing_done = {name: self._states(name, ()) for name in cell.catalog.plans}

    async def submit(self, submission: Submission) -> Accepted | Replayed | Conflict | Refused | QuotaExceeded:
        """Accept a job, or say why not."""
        keys = self._cell.keys
        names = [
            keys.job(submission.id), keys.parameters(submission.id), keys.deadlines(), keys.client(submission.client)
        ]  # fmt: skip
        fingerprint = ""
        if submission.idempotency_key is not None:
            scope = f"{submission.client}\0{submission.operation}\0{submission.idempotency_key}"
            names.append(keys.idempotency(_digest(scope.encode())))
            fingerprint = _digest(submission.parameters)
        reply = await self._cell.run("submit", names, self._arguments(submission, fingerprint))
        match reply:
            case [b"accepted", now_ms, expected_ms, position, plain, ended, used_us]:
                calls = self._first_states(submission)
                usage = _usage(submission.quota, used_us)
                read_back = None if plain and not ended else await self._read_back(submission.id)
                return Accepted(submission, calls, now_ms, position, expected_ms, decode_ended(ended), usage, read_back)
            case [b"quota-exceeded", bound, retry_ms, used_us]:
                return QuotaExceeded(Bound(bound.decode()), retry_ms, _usage(submission.quota, used_us))
            case [b"replayed", job_id]:
                return Replayed(job_id.decode())
            case [b"conflict", job_id]:
                return Conflict(job_id.decode())
            case [reason, service, retry_ms, expected_ms]:
                return Refused(Refusal(reason.decode()), service.decode(), retry_ms, expected_ms)
        raise AssertionError(reply)

    def _first_states(self, submission: Submission) -> tuple[CallState, ...]:
        """How the calls stand right after their job was accepted."""
        if submission.done:
            return self._states(submission.operation, submission.done)
        return self._nothing_done[submission.operation]

    def _states(self, operation: str, inline: Iterable[Done]) -> tuple[CallState, ...]:
        done = {each.call: each for each in inline}
        plan = self._plans[self._cell.catalog.plans[operation].id]
        return tuple(_first_state(call, done) for call in plan["calls"])

    async def _read_back(self, job_id: str) -> Job:
        job = await self.read(job_id)
        if job is None:
            raise BrokerUnavailable(NOT_KEPT)
        return job

    def _arguments(self, submission: Submission, fingerprint: str) -> list[str | bytes | int]:
        return [
            submission.id,
            self._cell.catalog.plans[submission.operation].id,
            submission.operation,
            submission.client,
            submission.priority,
            submission.mode,
            submission.timeout_ms,
            submission.parameters,
            submission.traceparent,
            submission.tracestate,
            fingerprint,
            min(IDEMPOTENCY_SECONDS, self._cell.result_ttl_seconds) * 1000,
            submission.quota.interval_us,
            submission.quota.window_us,
            submission.quota.max_in_flight,
            submission.notify.uri if submission.notify else "",
            submission.notify.when if submission.notify else "",
            self._cell.process,
            *[part for done in submission.done for part in (done.call, done.milliseconds, done.http_status, done.data)],
        ]

    async def read(self, job_id: str) -> Job | None:
        """The job as it stands, or None where the broker knows none of that id."""
        reply = await self._cell.run("read", [self._cell.keys.job(job_id)], [job_id])
        return await self.decoded(job_id, reply)

    async def decoded(self, job_id: str, reply: list[Any]) -> Job | None:
        """The job in a script's reply; None where that has no fields of one."""
        flat = reply[1]
        if not flat:
            return None
        digest = flat[1::2][flat[::2].index(b"plan")].decode()  # a client, or an operation, may be called so too
        return decode_job(job_id, reply, await self._plan(digest))

    def told(self, job_id: str, news: bytes) -> Job | None:
        """The job in what is published of its end (scripts/lib/job.lua); None where that does not tell, and it is to
        be read.
        """
        if not news:
            return None
        told = from_json(news)
        fields = told["fields"]
        plan = self._plans.get(fields["plan"])
        outcomes = {call: data.encode() for call, data in told["outcomes"].items()}
        return job_of(job_id, int(told["now"]), fields, outcomes, plan) if plan else None

    async def parameters(self, job_id: str) -> bytes:
        """What the job was asked for with, as JSON. They are kept as long as the job."""
        found = await self._cell.redis.execute("GET", self._cell.keys.parameters(job_id))
        if found is None:
            raise BrokerUnavailable(NOT_KEPT)
        return bytes(found).partition(b"\n")[2]

    async def timeline(self, job_id: str) -> list[Event]:
        """What happened to a job, the oldest first, for as long as it is kept; of a very long one the newest."""
        rows = await self._cell.run("timeline", [self._cell.keys.job(job_id)], [job_id])
        return [event_of(row.decode()) for row in rows]

    async def read_many(self, job_ids: Iterable[str]) -> list[Job]:
        """The jobs that are known, in the order asked for."""
        jobs = await asyncio.gather(*(self.read(job_id) for job_id in job_ids))
        return [job for job in jobs if job is not None]

    async def versions(self, job_ids: Sequence[str]) -> list[int]:
        """The version of each job, 0 where none is known: one round trip for some hundreds of them."""
        reply = await self._cell.run("versions", [self._cell.keys.job(job_id) for job_id in job_ids], [])
        return [int(version or 0) for version in reply]

    async def cancel(self, job_id: str, client: str) -> tuple[Cancellation, list[Ended]]:
        """End a job of this client; another's is unknown to it."""
        word, ended = await self._cell.run("cancel", [self._cell.keys.job(job_id)], [job_id, client])
        return Cancellation(word.decode()), decode_ended(ended)

    async def claim(self, *job_ids: str) -> None:
        """Their clients have read how they ended; for jobs that are `to_claim`."""
        await self._cell.run("claim", [self._cell.keys.job(job_id) for job_id in job_ids], job_ids)

    async def _plan(self, digest: str) -> Mapping[str, Any]:
        """A plan by its digest; one that this process did not compile is of an older or newer catalog."""
        if digest not in self._plans:
            self._plans[digest] = json.loads(await self._cell.redis.execute("GET", self._cell.keys.plan(digest)))
        return self._plans[digest]


def _usage(quota: Quota, used_us: int) -> Usage | None:
    return Usage(quota, used_us) if quota.requests else None


def _first_state(call: Mapping[str, Any], done: Mapping[str, Done]) -> CallState:
    name = call["name"]
    if made := done.get(name):
        return CallState(name, CallStatus.SUCCEEDED, 1, Source.LIVE, made.http_status, made.milliseconds)
    return CallState(name, CallStatus.QUEUED if done.keys() >= set(call["after"]) else CallStatus.WAITING)


def _digest(data: bytes) -> str:
    """128 bits are plenty to tell keys and bodies apart, and short in Redis."""
    padded = b2a_base64(hashlib.sha256(data).digest()[:16], newline=False)
    return padded[:22].translate(_URL_SAFE).decode()
