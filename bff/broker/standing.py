"""What holds a service back, and what it has left: read beside its lanes, for operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bff.policies.breaker import Breaker, Forced


class PausedBy(StrEnum):
    OPERATOR = "operator"
    SERVICE = "service"
    """By its own 429 or 503, for as long as it asked."""


@dataclass(frozen=True, slots=True)
class Pause:
    """`until_ms` is Unix ms by the broker's clock; None: until an operator resumes it."""

    by: PausedBy
    until_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`service_seconds` is the moving average of a call's time, `slow_seconds` what 95 of 100 do not exceed; `again`
    entries were begun before and go first, `parked` calls wait for their next attempt; `retries` may be spent at once.
    """

    breaker: Breaker
    pause: Pause | None
    service_seconds: float
    slow_seconds: float
    again: int
    parked: int
    retries: float


def standing_of(fields: Mapping[str, bytes], at_ms: int, measured: Sequence[int]) -> Standing:
    """From a service's hash, and what scripts/survey.lua makes of it."""
    paused_ms, held_ms, endless, slow_ms, retry_tokens, again = measured
    forced = fields.get("breaker.forced")
    return Standing(
        breaker=Breaker(
            open_until_ms=int(fields.get("breaker.open_until", b"0")),
            forced=Forced(forced.decode()) if forced else None,
        ),
        pause=_pause(at_ms, paused_ms, held_ms, bool(endless)),
        service_seconds=int(fields["service_us"]) / 1_000_000,
        slow_seconds=slow_ms / 1000,
        again=again,
        parked=max(0, int(fields.get("parked", b"0"))),
        retries=retry_tokens / 1000,
    )


def _pause(at_ms: int, paused_ms: int, held_ms: int, endless: bool) -> Pause | None:
    """The one that ends last."""
    if endless:
        return Pause(PausedBy.OPERATOR, None)
    if not max(paused_ms, held_ms):
        return None
    return Pause(PausedBy.OPERATOR if held_ms >= paused_ms else PausedBy.SERVICE, at_ms + max(paused_ms, held_ms))
