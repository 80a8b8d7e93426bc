"""Which mode a request gets while an operation is moved from synchronous to asynchronous, share by share."""

import hashlib

WHOLE = 10_000
"""A share is counted in hundredths of a percent."""


def is_async(operation: str, subject: str, share: int) -> bool:
    """Whether `subject` belongs to the `share` (0 to 10,000) of this operation's users that is asynchronous.

    The same subject always gets the same answer for the same share, and keeps it as the share grows. Who is moved first
    differs from operation to operation, since the operation's name is the salt.
    """
    digest = hashlib.sha256(f"{operation}\0{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % WHOLE < share


def share_of(percent: float) -> int:
    """Hundredths of a percent. Raises ValueError for what is not 0 to 100."""
    if not 0 <= percent <= 100:  # and NaN
        raise ValueError(f"{percent:g} is not a percentage from 0 to 100")
    return round(percent * 100)
