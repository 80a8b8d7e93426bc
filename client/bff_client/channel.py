"""A channel: one way to hear of a job."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from bff_client.errors import BffError, Forbidden, NotFound, Refused, Unauthorized
from bff_client.job import Job
from bff_client.pace import Deadline

_FINAL = (NotFound, Unauthorized, Forbidden)
"""What another channel would only say again."""


class Channel(StrEnum):
    """The best first."""

    WEBSOCKET = "websocket"
    SSE = "sse"
    LONG_POLL = "long_poll"
    POLL = "poll"


class ChannelFailed(Exception):
    """This one does not work here and now. `rest_seconds`: leave it alone for so long; None: for as long as usual."""

    def __init__(self, why: object, rest_seconds: float | None = None) -> None:
        super().__init__(str(why))
        self.rest_seconds = rest_seconds


class Follow(Protocol):
    """Yields the job as it changes from version `after` on, and ends with it, or when another channel may be chosen.

    Raises ChannelFailed, and NotFound, Unauthorized, Forbidden.
    """

    def __call__(self, job_id: str, after: int, deadline: Deadline) -> AsyncGenerator[Job, None]: ...


@contextmanager
def failing() -> Iterator[None]:
    """What another channel may be luckier with becomes ChannelFailed."""
    try:
        yield
    except _FINAL:
        raise
    except BffError as error:
        raise ChannelFailed(error, error.retry_after if isinstance(error, Refused) else None) from error
