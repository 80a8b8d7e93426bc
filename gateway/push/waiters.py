"""Who waits here: how many by each channel and of each client, and the bounds on both."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from bff.catalog.clients import Client
from gateway import problems
from gateway.problems import Problem


class Channel(StrEnum):
    """How a job gets to a client of this process; a label of metrics."""

    POLL = "poll"
    LONG_POLL = "long_poll"
    SSE = "sse"
    WEBSOCKET = "websocket"


WAITING = (Channel.LONG_POLL, Channel.SSE, Channel.WEBSOCKET)
"""The channels by which somebody waits."""
SUBSCRIPTIONS_EACH = 10
"""How many jobs sockets may follow, in all, for each waiter that is allowed."""
OVERLOAD_RETRY_SECONDS = 5


def too_many_waiters() -> Problem:
    detail = "As many requests, streams, sockets and subscriptions are held open here as may be."
    return Problem(problems.TOO_MANY_WAITERS, detail, retry_after=OVERLOAD_RETRY_SECONDS)


class Waiters:
    """Requests and sockets held open. `bound` holds for all of them, a client's own for its."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._by_channel: Counter[Channel] = Counter()
        self._by_client: Counter[str] = Counter()
        self._subscriptions = 0

    def __len__(self) -> int:
        return self._by_channel.total()

    def on(self, channel: Channel) -> int:
        return self._by_channel[channel]

    def subscribe(self) -> bool:
        """Whether one job more may be followed over a socket; `unsubscribe` where it was, and is not any more."""
        if self._subscriptions >= self._bound * SUBSCRIPTIONS_EACH:
            return False
        self._subscriptions += 1
        return True

    def unsubscribe(self) -> None:
        self._subscriptions -= 1

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
        room = self.admit(client)
        try:
            yield room
        finally:
            if room:
                self.dismiss(client)

    def admit(self, client: Client) -> bool:
        """Whether this client may hold one more; `dismiss` where it may, and does not any more."""
        if client.max_waiters and self._by_client[client.name] >= client.max_waiters:
            return False
        self._by_client[client.name] += 1
        return True

    def dismiss(self, client: Client) -> None:
        self._by_client[client.name] -= 1
        if not self._by_client[client.name]:
            del self._by_client[client.name]
