"""What came of one attempt at one call: a value, never an exception."""

from enum import StrEnum

from bff.fact import fact


class Verdict(StrEnum):
    """What an attempt's end says about the service, and about what was done there."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """The service answered no (4xx): nothing was done, and asking again brings the same answer."""
    PUSHED_BACK = "pushed_back"
    """Not now (429, 503): nothing was done; `retry_after_ms` says when, where the service did."""
    UNREACHED = "unreached"
    """No connection came about: nothing was done."""
    UNKNOWN = "unknown"
    """Timed out, broken off, 5xx or unreadable: the work may have been done."""

    @property
    def may_have_had_effect(self) -> bool:
        return self in (Verdict.SUCCEEDED, Verdict.UNKNOWN)

    @property
    def worth_a_retry(self) -> bool:
        return self in (Verdict.PUSHED_BACK, Verdict.UNREACHED, Verdict.UNKNOWN)


class Reason(StrEnum):
    """Why an attempt did not succeed, as clients and metrics read it."""

    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection-failed"
    CONNECTION_BROKEN = "connection-broken"
    HTTP_STATUS = "http-status"
    NOT_JSON = "not-json"
    TOO_LARGE = "too-large"
    BAD_REQUEST = "request-not-built"
    ABORTED = "aborted"
    """Its job ended while it was in flight, or its worker was told to stop, or did nothing for too long."""
    WORKER_LOST = "worker-lost"
    """An earlier attempt was never heard of again, and another could do harm."""
    BREAKER_OPEN = "breaker-open"
    """Not called: the service has failed too often of late."""
    UNKNOWN_CALL = "unknown-call"
    """The worker's catalog has no such call."""


@fact()
class Outcome:
    """`data` is the answer's body, checked to be strict JSON in UTF-8, byte for byte as the service sent it."""

    verdict: Verdict
    milliseconds: int
    data: bytes | None = None
    http_status: int | None = None
    reason: Reason | None = None
    retry_after_ms: int | None = None

    def after(self, milliseconds: int) -> "Outcome":
        """The same, once it is known how long it took."""
        return Outcome(self.verdict, milliseconds, self.data, self.http_status, self.reason, self.retry_after_ms)
