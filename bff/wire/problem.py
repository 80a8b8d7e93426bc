"""Problem details (RFC 9457): what they are, and those that tell how a job ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """`meaning` and `remedy` are what its page says."""

    slug: str
    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def path(self) -> str:
        return f"/problems/{self.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDetails:
    """One occurrence. `members` stand beside the standard ones; `retry_after` is in seconds."""

    type: ProblemType
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None

    def document(self, instance: str, correlation_id: str) -> dict[str, Any]:
        return {
            "type": self.type.path,
            "title": self.type.title,
            "status": self.type.status,
            "detail": self.detail,
            "instance": instance,
            "correlation_id": correlation_id,
            **self.members,
        }


JOB_FAILED = ProblemType(
    "job-failed",
    502,
    "The job failed",
    "A required call to a downstream service failed for good. What had been done before was undone where it can be.",
    "`call` names it and `reason` says why. A new submission (a new Idempotency-Key) starts again.",
)
JOB_EXPIRED = ProblemType(
    "job-expired",
    504,
    "The job was not done in time",
    "High volume: the deadline passed before the work was done. What had been done before was undone where it can be.",
    "Please retry after Retry-After, with a new Idempotency-Key.",
)
JOB_CANCELLED = ProblemType(
    "job-cancelled",
    409,
    "The job was cancelled",
    "The client asked for the job to be cancelled. What had been done before is undone where it can be.",
    "Submit it again, with a new Idempotency-Key, if it is wanted after all.",
)
