"""The watch for changes: one subscription connection per process, any number of waiters.

Pub/sub only wakes, and may lose what it carries: who waits subscribes first, then reads, and reads again whenever it
is woken and at the latest every few seconds.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from bff.broker.background import background
from bff.broker.contact import Contact
from bff.broker.keys import Keys
from bff.broker.link import LOST, keepalive

log = logging.getLogger(__name__)

Listener = Callable[[bytes | None], None]
"""Gets what was published, or None after the connection was lost: read again."""

PING_SECONDS = 5.0
SILENCE_SECONDS = 12.0  # two pings and their answers: a connection that is only half open is never closed by itself
RECONNECT_SECONDS = 0.2
SUBSCRIBED_WITHIN_SECONDS = 1.0


class Change:
    """What one waiter waits on."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self, payload: bytes | None) -> None:
        self._event.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may have changed since the last wait, or when the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        self._event.clear()


class Watch:
    """Use as a context; `job` and `listen` work before the connection does, and through its failures."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._keys = keys
        self._redis = Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=None, **keepalive(url))
        self._listeners: dict[str, set[Listener]] = {}
        self._subscribed: dict[str, asyncio.Event] = {}
        self._pubsub: PubSub | None = None
        self._heard_at = 0.0
        self._contact = Contact("the watch")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Watch"]:
        """Keep the subscription alive for as long as the context lasts."""
        async with background(watch=self._keep()):
            yield self
        await self._redis.aclose()

    @asynccontextmanager
    async def job(self, job_id: str) -> AsyncIterator[Change]:
        """Wait for a job's changes. Once entered, no later change is missed while the connection holds."""
        change = Change()
        async with self.listen(self._keys.changed(job_id), change.note):
            yield change

    @asynccontextmanager
    async def listen(self, channel: str, listener: Listener) -> AsyncIterator[None]:
        """Have `listener` called with all that is published to a channel."""
        listeners = self._listeners.setdefault(channel, set())
        listeners.add(listener)
        try:
            await self._subscribe(channel)
            yield
        finally:
            listeners.discard(listener)
            if not listeners and self._listeners.get(channel) is listeners:
                del self._listeners[channel]
                await self._unsubscribe(channel)

    @property
    def channels(self) -> int:
        """How many channels somebody waits on."""
        return len(self._listeners)

    async def _subscribe(self, channel: str) -> None:
        confirmed = self._subscribed.get(channel)
        if confirmed is None:
            confirmed = self._subscribed[channel] = asyncio.Event()
            await self._tell("subscribe", channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBED_WITHIN_SECONDS):
                await confirmed.wait()

    async def _unsubscribe(self, channel: str) -> None:
        self._subscribed.pop(channel, None)
        await self._tell("unsubscribe", channel)

    async def _tell(self, command: str, channel: str) -> None:
        """The keeper subscribes again to all that is listened to when it reconnects, so a failure here is no loss.

        While the keeper is closing a connection, redis-py fails those who use it by whatever it runs into, or keeps
        them waiting for ever.
        """
        if self._pubsub is not None:
            with suppress(Exception):
                async with asyncio.timeout(SUBSCRIBED_WITHIN_SECONDS):
                    await getattr(self._pubsub, command)(channel)

    async def _keep(self) -> None:
        while True:
            try:
                await self._serve()
            except LOST as error:
                self._contact.lost(type(error).__name__)
            except Exception:  # a loop's edge: who would miss a dead watch?
                log.exception("the watch went wrong, and is set up again")
            self._pubsub = None
            for channel in self._subscribed:
                self._subscribed[channel] = asyncio.Event()
            self.wake_everybody()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _serve(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(self._keys.aborted())  # connects
            self._contact.made()
            self._pubsub = pubsub  # from here on whoever comes subscribes by itself
            await pubsub.subscribe(*self._listeners, self._keys.aborted())
            self._heard_at = asyncio.get_running_loop().time()
            async with background(ping=self._ping(pubsub)):
                while True:
                    self._hear(await pubsub.parse_response())

    async def _ping(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() - self._heard_at < SILENCE_SECONDS:
            await asyncio.sleep(PING_SECONDS)
            try:
                await pubsub.ping()
            except Exception:  # noqa: BLE001  # as in _tell
                break
        connection: Any = pubsub.connection
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _hear(self, reply: list[bytes | int]) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        kind, channel = reply[0], _text(reply[1])
        if kind == b"message":
            payload = reply[2]
            for listener in tuple(self._listeners.get(channel, ())):
                listener(payload if isinstance(payload, bytes) else None)
        elif kind == b"subscribe":
            if channel in self._subscribed:
                self._subscribed[channel].set()
            if channel == self._keys.aborted():  # the last to be confirmed: what was missed meanwhile can be read now
                self.wake_everybody()

    def wake_everybody(self) -> None:
        """Have all who wait read again: something else than their job has changed."""
        for listeners in tuple(self._listeners.values()):
            for listener in tuple(listeners):
                listener(None)


def _text(value: bytes | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
