"""What an operation is made of: parameters, a static graph of calls, compensations.

This is no workflow engine: at most eight calls, no loops, no conditions. What a call waits for stands before it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

MAX_CALLS = 8


class Priority(StrEnum):
    """The lane that a job's calls wait in; lanes are served by weight, so that low is never starved."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


LANE_WEIGHTS: Mapping[Priority, int] = {Priority.HIGH: 8, Priority.NORMAL: 3, Priority.LOW: 1}


class Parameters(BaseModel):
    """Base of every operation's parameters: unknown members are refused, values are never coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a service, relative to its base URL. `body` is sent as JSON where there is one.

    `path` starts with `/`, may have a query, and is percent-encoded: of what a parameter may hold, by
    `urllib.parse.quote(value, safe="")`. Any other is not sent: the call fails, `request-not-built`.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None


Outcomes = Mapping[str, Any]
"""The JSON data of the calls that have ended well so far, by name of the call."""

Build = Callable[[Any, Outcomes], Request]
"""Builds a call's request from the parameters and the outcomes so far. Must be pure: a redelivery builds it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensation:
    """What undoes a call's effect when its job ends failed, expired or cancelled. Must be idempotent: may run twice."""

    name: str
    service: str
    build: Build


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP call to one service.

    A job fails with a `required` call that fails; without an optional one it ends `partial`. An `inline` call is a
    critical read that the gateway makes before it submits, so that the 202 carries it; late or failed, it is queued
    like any call. `at_most_once` says that a repetition would do harm even with its Idempotency-Key: a call of unknown
    outcome then ends failed, never twice. `fallback` is static data for when the call fails; `cache_seconds` lets the
    last good answer to the same request stand in first, for that long.
    """

    name: str
    service: str
    build: Build
    after: tuple[str, ...] = ()
    required: bool = True
    inline: bool = False
    at_most_once: bool = False
    compensation: Compensation | None = None
    cache_seconds: int = 0
    fallback: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a client may ask for. `timeout_seconds` is how long a client waits that does not say, by priority.

    `async_percent` (0 to 100) is the share of its users that is served asynchronously, until an operator sets another.
    """

    name: str
    summary: str
    parameters: type[Parameters]
    example: Mapping[str, Any]
    calls: tuple[Call, ...]
    timeout_seconds: Mapping[Priority, float]
    max_timeout_seconds: float = 120.0
    async_percent: float = 100.0
    by_name: Mapping[str, Call] = field(init=False, repr=False, compare=False)
    has_inline: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {call.name: call for call in self.calls})
        object.__setattr__(self, "has_inline", any(call.inline for call in self.calls))

    def compensation(self, name: str) -> Compensation | None:
        """The compensation of that name, or None."""
        for call in self.calls:
            if call.compensation is not None and call.compensation.name == name:
                return call.compensation
        return None
