"""Jobs as a gateway handles them: submit, read, cancel."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bff.broker.cell import Cell
from bff.broker.job import Ended, Job, Mode, decode_ended, decode_job
from bff.catalog.model import Priority

IDEMPOTENCY_SECONDS = 86_400


class Refusal(StrEnum):
    """Why the broker does not take a job now; the words of scripts/lib/admission.lua."""

    QUEUE_FULL = "queue-full"
    SHEDDING = "shedding"
    DEADLINE_UNATTAINABLE = "deadline-unattainable"


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True)
class Accepted:
    """Durable in the broker. `expected_ms` is the predicted time to its end, `position` the entries before its first.

    `skipped` names the optional calls for which no waiting place was free.
    """

    now_ms: int
    expected_ms: int
    position: int
    skipped: frozenset[str]


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

    async def submit(self, submission: Submission) -> Accepted | Replayed | Conflict | Refused:
        """Accept a job, or say why not."""
        keys = self._cell.keys
        names = [keys.job(submission.id), keys.parameters(submission.id), keys.deadlines()]
        fingerprint = ""
        if submission.idempotency_key is not None:
            scope = f"{submission.client}\0{submission.operation}\0{submission.idempotency_key}"
            names.append(keys.idempotency(_digest(scope.encode())))
            fingerprint = _digest(submission.parameters)
        reply = await self._cell.run("submit", names, self._arguments(submission, fingerprint))
        match reply:
            case [b"accepted", now_ms, expected_ms, position, skipped]:
                return Accepted(now_ms, expected_ms, position, frozenset(name.decode() for name in skipped))
            case [b"replayed", job_id]:
                return Replayed(job_id.decode())
            case [b"conflict", job_id]:
                return Conflict(job_id.decode())
            case [reason, service, retry_ms, expected_ms]:
                return Refused(Refusal(reason.decode()), service.decode(), retry_ms, expected_ms)
        raise AssertionError(reply)

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
        ]

    async def read(self, job_id: str) -> Job | None:
        """The job as it stands, or None where the broker knows none of that id."""
        reply = await self._cell.run("read", [self._cell.keys.job(job_id)], [job_id])
        flat = reply[1]
        if not flat:
            return None
        digest = flat[flat.index(b"plan") + 1].decode()
        return decode_job(job_id, reply, await self._plan(digest))

    async def read_many(self, job_ids: Iterable[str]) -> list[Job]:
        """The jobs that are known, in the order asked for."""
        jobs = await asyncio.gather(*(self.read(job_id) for job_id in job_ids))
        return [job for job in jobs if job is not None]

    async def cancel(self, job_id: str, client: str) -> tuple[Cancellation, list[Ended]]:
        """End a job of this client; another's is unknown to it."""
        word, ended = await self._cell.run("cancel", [self._cell.keys.job(job_id)], [job_id, client])
        return Cancellation(word.decode()), decode_ended(ended)

    async def _plan(self, digest: str) -> Mapping[str, Any]:
        """A plan by its digest; one that this process did not compile is of an older or newer catalog."""
        if digest not in self._plans:
            self._plans[digest] = json.loads(await self._cell.redis.execute("GET", self._cell.keys.plan(digest)))
        return self._plans[digest]


def _digest(data: bytes) -> str:
    """128 bits are plenty to tell keys and bodies apart, and short in Redis."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()[:16]).decode().rstrip("=")
