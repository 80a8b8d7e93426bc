"""How one attempt to deliver a notification went."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"
    """Worth another attempt later."""
    REFUSED = "refused"
    """It would go the same way again: for an operator to look at."""
    UNWANTED = "unwanted"
    """The receiver wants no more of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """`error` is a word for what went wrong: no URL, address or secret is in it."""

    verdict: Verdict
    error: str = ""
    retry_after_ms: int | None = None


DELIVERED = Attempt(Verdict.DELIVERED)
