"""The headers that steer a request. A preference is clamped; everything else is right, or a 400."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from starlette.datastructures import Headers

from bff.catalog.model import Operation, Priority
from bff.fact import fact
from bff.trace.context import NOWHERE, TraceContext
from gateway.headers import IndexedHeaders
from gateway.problems import INVALID_HEADER, Problem

MAX_WAIT_SECONDS = 30.0

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_BARE_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_QUOTED_KEY = re.compile(r'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
_LISTED = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+"?)++')  # up to a comma outside of quotes
# What has been taken is not given back (`+` behind a repetition): else long blanks would take time squared.
_PREFERENCE = re.compile(
    r'\s*+([!#$%&\'*+.^_`|~0-9A-Za-z-]++)\s*+(?:=\s*+(?:"([^"]*)"|([^";\s]*+)))?\s*+(?:;.*)?', re.DOTALL
)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Preferences:
    """RFC 7240: `respond_async`, and for how many seconds the answer may be held (None: not asked for), clamped."""

    respond_async: bool
    wait_seconds: float | None
    applied: str = field(init=False)
    """The value of Preference-Applied; empty where no preference was given that is known here."""

    def __post_init__(self) -> None:
        parts = ["respond-async"] if self.respond_async else []
        if self.wait_seconds is not None:
            parts.append(f"wait={seconds(self.wait_seconds)}")
        object.__setattr__(self, "applied", ", ".join(parts))


@fact()
class Steering:
    """The headers of a submission."""

    preferences: Preferences
    idempotency_key: str | None
    priority: Priority
    timeout_ms: int
    subject: str | None


def steering_of(headers: IndexedHeaders, operation: Operation) -> Steering:
    """Raises Problem `invalid-header`."""
    priority = _priority(single(headers, "Request-Priority"))
    timeout = single(headers, "Request-Timeout")
    return Steering(
        preferences_of(headers),
        _idempotency_key(single(headers, "Idempotency-Key")),
        priority,
        round(operation.timeout_seconds[priority] * 1000)
        if timeout is None
        else _timeout_ms(timeout, operation.max_timeout_seconds),
        _subject(single(headers, "Request-Subject")),
    )


def trace_of(headers: Headers) -> TraceContext:
    """Where the client stands in a trace. What is none is passed over, and turns no request away."""
    traceparent = headers.get("traceparent")
    if traceparent is None or _TRACEPARENT.fullmatch(traceparent) is None:
        return NOWHERE
    tracestate = ", ".join(headers.getlist("tracestate"))
    return TraceContext(traceparent, tracestate if _TRACESTATE.fullmatch(tracestate) else "")


def preferences_of(headers: Headers, query: Mapping[str, str] | None = None) -> Preferences:
    """From the header Prefer, else from the query `?wait=N`. What is not understood is passed over (RFC 7240)."""
    return _preferences(", ".join(headers.getlist("prefer")), (query or {}).get("wait", ""))


@lru_cache(maxsize=256)  # clients say the same again and again
def _preferences(prefer: str, asked: str) -> Preferences:
    stated: dict[str, str] = {}
    for listed in _LISTED.findall(prefer):
        if preference := _PREFERENCE.fullmatch(listed):
            name, quoted, bare = preference.groups(default="")
            stated.setdefault(name.lower(), quoted or bare)  # the first of a name counts
    wait = stated.get("wait", asked)
    wait_seconds = min(float(wait), MAX_WAIT_SECONDS) if _SECONDS.fullmatch(wait) else None
    return Preferences("respond-async" in stated, wait_seconds)


def seconds(number: float) -> str:
    """To the millisecond, and never with an exponent."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _priority(value: str | None) -> Priority:
    if value is None:
        return Priority.NORMAL
    try:
        return Priority(value.lower())
    except ValueError:
        raise invalid("Request-Priority", f"is not one of {', '.join(Priority)}") from None


@lru_cache(maxsize=256)
def _timeout_ms(value: str, max_seconds: float) -> int:
    if not _SECONDS.fullmatch(value) or not value.strip("0."):
        raise invalid("Request-Timeout", "is not a number of seconds above 0, such as 30 or 2.5")
    return max(1, round(min(float(value), max_seconds) * 1000))


def _idempotency_key(value: str | None) -> str | None:
    if value is None:
        return None
    quoted = _QUOTED_KEY.fullmatch(value) if value.startswith('"') else None
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
    if not _BARE_KEY.fullmatch(key) or (value.startswith('"') and not quoted):
        raise invalid("Idempotency-Key", "is not 1 to 255 visible ASCII characters, bare or in double quotes")
    return key


def _subject(value: str | None) -> str | None:
    """For whom the client asks: a user, a session, a device. A rollout moves one after the other; it is not kept."""
    if value is not None and not _BARE_KEY.fullmatch(value):
        raise invalid("Request-Subject", "is not 1 to 255 visible ASCII characters")
    return value


def single(headers: IndexedHeaders, name: str) -> str | None:
    """A header that may be sent once. Raises Problem `invalid-header`."""
    value: str | None = headers.get(name)
    if value is None:
        return None
    if headers.repeated and len(headers.getlist(name)) > 1:
        raise invalid(name, "was sent more than once")
    return value.strip()


def invalid(header: str, what: str) -> Problem:
    return Problem(INVALID_HEADER, f"{header} {what}.", members={"header": header})
