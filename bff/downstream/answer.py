"""What the status and the headers of an HTTP answer say about the work (RFC 9110)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from bff.downstream.outcome import Verdict

MAX_RETRY_AFTER_SECONDS = 3600

_PUSHED_BACK = {HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}

# The method or the version of HTTP is not known there: refused before any work, and refused again next time.
_REFUSED_BY_5XX = {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED}


def verdict_of(status: int) -> Verdict:
    """A 3xx is a no: redirects are never followed. 408 is unknown: many a service means its own slowness by it."""
    if 200 <= status < 300:
        return Verdict.SUCCEEDED
    if status in _PUSHED_BACK:
        return Verdict.PUSHED_BACK
    if status in _REFUSED_BY_5XX or (300 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT):
        return Verdict.REFUSED
    return Verdict.UNKNOWN


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """`Retry-After` in either form, at most an hour; None without one that can be read.

    A date is compared with the answer's own `Date` where there is one, so that no two clocks are.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        until = _instant(value)
        if until is None:
            return None
        seconds = (until - (_instant(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    return round(1000 * min(max(seconds, 0), MAX_RETRY_AFTER_SECONDS))


def _instant(http_date: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):  # the latter for a year of twenty digits
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
