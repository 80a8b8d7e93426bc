"""A job as the gateway tells it, its times parsed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")


class JobStatus(StrEnum):
    """queued -> running -> succeeded | failed | expired | cancelled      (any of those may also follow queued)"""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """RFC 9457. `members` are those beside the standard ones, such as `service` or `errors`."""

    type: str
    title: str
    status: int
    detail: str
    correlation_id: str | None
    members: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The last part of its type: `queue-full`."""
        return self.type.rpartition("/")[2]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        standard = ("type", "title", "status", "detail", "instance", "correlation_id")
        return cls(
            type=document.get("type", "about:blank"),
            title=document.get("title", ""),
            status=document["status"],
            detail=document.get("detail", ""),
            correlation_id=document.get("correlation_id"),
            members={name: value for name, value in document.items() if name not in standard},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a job. `age_seconds` is there where its data came from the cache; `error` is a word."""

    status: str
    source: str | None
    attempts: int
    http_status: int | None
    seconds: float | None
    error: str | None
    age_seconds: float | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        known: dict[str, Any] = {name: document.get(name) for name in cls.__slots__}
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Progress:
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job at one moment. `version` rises with every change; it is 0 where the gateway did not say it (in a 202)."""

    id: str
    operation: str
    status: JobStatus
    mode: str
    priority: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime
    expires_at: datetime | None
    progress: Progress
    approximate_position: int | None
    estimated_seconds: float | None
    poll_after_seconds: float | None
    partial: bool
    degraded: bool
    calls: Mapping[str, Call]
    result: dict[str, Any] | None
    error: Problem | None
    links: Mapping[str, str]
    version: int = 0

    @property
    def ended(self) -> bool:
        return self.status.terminal

    @property
    def succeeded(self) -> bool:
        return self.status is JobStatus.SUCCEEDED

    @overload
    def data(self, call: str) -> Any: ...
    @overload
    def data(self, call: str, type_: Callable[..., T]) -> T | None: ...
    def data(self, call: str, type_: Callable[..., Any] | None = None) -> Any:
        """What this call answered, as `type_` where given; None where there is nothing. Raises KeyError."""
        if call not in self.calls:
            raise KeyError(call)
        found = (self.result or {}).get(call)
        return found if found is None or type_ is None else typed(type_, found)

    def result_as(self, type_: Callable[..., T]) -> T:
        """The result of all calls as a pydantic model, a dataclass, a TypedDict, or what any callable makes of it."""
        return typed(type_, self.result or {})

    @classmethod
    def of(cls, document: Mapping[str, Any], version: int = 0) -> Self:
        """From the gateway's JSON. Members that this client does not know are left out."""
        known = {name: document[name] for name in cls.__slots__ if name in document}
        known |= {name: _time(document[name]) for name in _TIMES}
        known |= {
            "status": JobStatus(document["status"]),
            "progress": Progress(document["progress"]["done"], document["progress"]["total"]),
            "calls": {name: Call.of(call) for name, call in document["calls"].items()},
            "error": Problem.of(document["error"]) if document["error"] else None,
            "version": version,
        }
        return cls(**known)


_TIMES = ("submitted_at", "started_at", "finished_at", "deadline", "expires_at")


def typed(type_: Callable[..., T], data: Any) -> T:
    """`data` as a `type_`: by `model_validate` where it has one, by name for a dataclass, else by calling it."""
    make: Callable[..., T] = getattr(type_, "model_validate", type_)
    return make(**data) if make is type_ and is_dataclass(type_) else make(data)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
