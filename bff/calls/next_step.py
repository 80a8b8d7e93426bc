"""What follows from an attempt's outcome: the call's end, or another attempt. Decided here, told elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic_core import to_json

from bff.broker.job import CallStatus, Source
from bff.broker.lanes import End, Entry, Health
from bff.catalog.model import Call, Compensation
from bff.catalog.services import Service
from bff.downstream.outcome import Outcome, Reason, Verdict
from bff.fact import fact
from bff.policies.backoff import delay_ms

COMPENSATION_ATTEMPTS = 30
"""With their delays about ten minutes."""
COMPENSATION_MAX_DELAY_MS = 60_000
MOST_SPARED = 10
"""So often a call may be pushed back before that counts as an attempt; as scripts/retry.lua has it."""
UNKNOWN_COMPENSATION_ATTEMPTS = 600
REST_MS = 1000
"""How long a service rests that says 429 and not for how long."""
_ITS_OWN_FAULT = (Reason.CONNECTION_BROKEN, Reason.HTTP_STATUS, Reason.NOT_JSON, Reason.TOO_LARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Another attempt in `delay_ms`; the whole service rests for `pause_ms`, as it asked."""

    delay_ms: int
    pause_ms: int


@fact()
class Step:
    """What a worker is about to do: an operation's call, or a compensation."""

    call: Call | Compensation
    service: Service

    @property
    def attempts(self) -> int:
        return COMPENSATION_ATTEMPTS if isinstance(self.call, Compensation) else self.service.retry.attempts

    @property
    def repeatable(self) -> bool:
        """Whether a repetition does no harm although an earlier attempt may have done its work."""
        if isinstance(self.call, Compensation):
            return True
        return self.service.honours_idempotency_key and not self.call.at_most_once

    @property
    def has_compensation(self) -> bool:
        return isinstance(self.call, Call) and self.call.compensation is not None

    @property
    def cache_seconds(self) -> int:
        return self.call.cache_seconds if isinstance(self.call, Call) else 0


def may_run(step: Step, entry: Entry) -> bool:
    """Whether this attempt may be made at all: false after a crash that cannot be repeated, or after too many."""
    return entry.attempt <= step.attempts and (step.repeatable or not entry.effect)


def again(step: Step, entry: Entry, outcome: Outcome, random: Callable[[], float]) -> Again | None:
    """Another attempt, where it is worth one, does no harm and the attempts are not used up."""
    had_effect = entry.effect or outcome.verdict is Verdict.UNKNOWN
    if entry.barred or not outcome.verdict.worth_a_retry or (had_effect and not step.repeatable):
        return None
    spared = outcome.http_status == 429 and entry.spared < MOST_SPARED
    if entry.attempt >= step.attempts and not spared:
        return None
    policy = step.service.retry
    longest_ms = round(policy.max_seconds * 1000)
    if isinstance(step.call, Compensation):
        longest_ms = COMPENSATION_MAX_DELAY_MS
    wait_ms = delay_ms(round(policy.base_seconds * 1000), longest_ms, entry.attempt, random)
    pause_ms = rest_ms(outcome)
    return Again(delay_ms=wait_ms + pause_ms, pause_ms=pause_ms)


def rest_ms(outcome: Outcome) -> int:
    """For how long the service wants to be left alone by everybody."""
    if outcome.retry_after_ms is not None:
        return outcome.retry_after_ms
    return REST_MS if outcome.http_status == 429 else 0


def budgeted(outcome: Outcome) -> bool:
    """Whether another attempt counts as a retry: not where the service said when, or we broke the attempt off."""
    return outcome.http_status != 429 and outcome.reason is not Reason.ABORTED


def health_of(step: Step, entry: Entry, outcome: Outcome) -> Health:
    """What this attempt says of the service. A push-back is not our evidence, nor is what we broke off ourselves; nor a
    time-out where the job left the call hardly the time that it takes."""
    match outcome:
        case Outcome(Verdict.SUCCEEDED | Verdict.REFUSED, reason=None | Reason.HTTP_STATUS):
            return Health.WELL
        case Outcome(Verdict.PUSHED_BACK, http_status=503):
            return Health.ILL
        case Outcome(Verdict.UNKNOWN | Verdict.UNREACHED, reason=Reason.TIMEOUT):
            enough_ms = 2000 * step.service.expected_seconds
            return Health.ILL if not entry.remaining_ms or entry.remaining_ms >= enough_ms else Health.SILENT
        case Outcome(Verdict.UNREACHED, reason=Reason.CONNECTION_FAILED):
            return Health.ILL
        case Outcome(Verdict.UNKNOWN, reason=reason) if reason in _ITS_OWN_FAULT:
            return Health.ILL
        case _:
            return Health.SILENT


def success(step: Step, outcome: Outcome, cache_key: str | None) -> End:
    """The end of a call that succeeded."""
    return End(
        status=CallStatus.SUCCEEDED,
        effect=True,
        milliseconds=outcome.milliseconds,
        data=outcome.data or b"null",
        source=Source.LIVE,
        http_status=outcome.http_status,
        cache_key=cache_key,
        cache_ms=step.cache_seconds * 1000,
        health=Health.WELL,
    )


def failure(step: Step, entry: Entry, outcome: Outcome, cached: tuple[bytes, int] | None) -> End:
    """The end of a call that failed for good, or its fallback. `cached` is data and when it was stored."""
    fallback = step.call.fallback if isinstance(step.call, Call) else None
    data, source, stored_ms = b"", None, None
    if cached is not None:
        (data, stored_ms), source = cached, Source.CACHE
    elif fallback is not None:
        data, source = to_json(fallback), Source.STATIC
    return End(
        status=CallStatus.FAILED if source is None else CallStatus.FALLBACK,
        effect=entry.effect or outcome.verdict.may_have_had_effect,
        milliseconds=outcome.milliseconds,
        data=data,
        source=source,
        http_status=outcome.http_status,
        error=outcome.reason,
        stored_ms=stored_ms,
        health=health_of(step, entry, outcome),
        pause_ms=rest_ms(outcome),
    )
