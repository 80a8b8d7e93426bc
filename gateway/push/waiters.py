"""Who waits here: how many by each channel and of each client, and the bounds on both."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from bff.catalog.clients import Client


class Channel(StrEnum):
    """How a job gets to a client of this process; a label of metrics."""

    POLL = "poll"
    LONG_POLL = "long_poll"
    SSE = "sse"
    WEBSOCKET = "websocket"


WAITING = (Channel.LONG_POLL, Channel.SSE, Channel.WEBSOCKET)


class Waiters:
    """Requests and sockets held open. `bound` holds for all of them, a client's own for its."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._by_channel: Counter[Channel] = Counter()
        self._by_client: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._by_channel.total()

    def on(self, channel: Channel) -> int:
        return self._by_channel[channel]

    @contextmanager
    def one_more(self, channel: Channel) -> Iterator[bool]:
        """Counted for the length of the context, where there is room: says whether."""
        if len(self) >= self._bound:
            yield False
            return
        self._by_channel[channel] += 1
        try:
            yield True
        finally:
            self._by_channel[channel] -= 1

    @contextmanager
    def one_more_of(self, client: Client) -> Iterator[bool]:
        """The same, by the client's own bound."""
        if client.max_waiters and self._by_client[client.name] >= client.max_waiters:
            yield False
            return
        self._by_client[client.name] += 1
        try:
            yield True
        finally:
            self._by_client[client.name] -= 1
            if not self._by_client[client.name]:
                del self._by_client[client.name]
