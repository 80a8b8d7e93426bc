"""The watch for changes: one subscription connection per process, any number of waiters.

Pub/sub only wakes, and may lose what it carries: who waits subscribes first, then reads, and reads again whenever it
is woken and at the latest every few seconds.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from bff.broker.background import background
from bff.broker.contact import Contact
from bff.broker.ear import Ear, listening
from bff.broker.errors import BrokerUnavailable
from bff.broker.keys import Keys
from bff.broker.link import dialer

log = logging.getLogger(__name__)

Listener = Callable[[bytes | None], None]
"""Gets what was published; or None: from now on nothing is missed, or something may have been. Read (again)."""

CONNECT_SECONDS = 1.0
PING_SECONDS = 5.0
SILENCE_SECONDS = 12.0  # two pings and their answers: a connection that is only half open is never closed by itself
RECONNECT_SECONDS = 0.2
SUBSCRIBED_WITHIN_SECONDS = 1.0


class Watch:
    """Use as a context; `add` and `listen` work before the connection does, and through its failures.

    Who is added and removed within one tick of the event loop shares one command with all the others of that tick.
    """

    def __init__(self, url: str, keys: Keys) -> None:
        self._keys = keys
        self._dial = dialer(url)
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self._touched: set[str] = set()
        self._asked: set[str] = set()
        self._unconfirmed: Counter[str] = Counter()
        self._ear: Ear | None = None
        self._heard_at = 0.0
        self._contact = Contact("the watch")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Watch"]:
        """Keep the subscription alive for as long as the context lasts."""
        async with background(watch=self._keep()):
            yield self

    def add(self, channel: str, listener: Listener) -> None:
        """Have `listener` called with all that is published to a channel; with None first, once that is so."""
        self._listeners[channel] = (*self._listeners.get(channel, ()), listener)
        if channel in self._asked and not self._unconfirmed[channel]:
            asyncio.get_running_loop().call_soon(listener, None)
        else:
            self._touch(channel)

    def add_ahead(self, channel: str, listener: Listener) -> None:
        """`add`, and ask for it now: before whatever this tick asks of another connection."""
        self.add(channel, listener)
        self._tell()

    def remove(self, channel: str, listener: Listener) -> None:
        left = tuple(each for each in self._listeners.get(channel, ()) if each != listener)
        if left:
            self._listeners[channel] = left
        elif self._listeners.pop(channel, None):
            self._touch(channel)

    @asynccontextmanager
    async def listen(self, channel: str, listener: Listener) -> AsyncIterator[None]:
        """`add` for the length of a context, entered once nothing is missed any more, or after a second."""
        heard = asyncio.Event()

        def hear(payload: bytes | None) -> None:
            heard.set()
            listener(payload)

        self.add(channel, hear)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBED_WITHIN_SECONDS):
                    await heard.wait()
            yield
        finally:
            self.remove(channel, hear)

    @property
    def channels(self) -> int:
        """How many channels somebody waits on."""
        return len(self._listeners)

    @property
    def connected(self) -> bool:
        return self._ear is not None

    def _touch(self, channel: str) -> None:
        if not self._touched:
            asyncio.get_running_loop().call_soon(self._tell)
        self._touched.add(channel)

    def _tell(self) -> None:
        """Ask for what is listened to and has not been asked for, and no more for the rest."""
        touched, self._touched = self._touched, set()
        if self._ear is None:
            return  # whoever connects asks for all
        unwanted = {channel for channel in touched & self._asked if channel not in self._listeners}
        if unwanted:
            self._asked -= unwanted
            self._ear.unsubscribe(unwanted)
        self._ask(channel for channel in touched - self._asked if channel in self._listeners)

    def _ask(self, channels: Iterable[str]) -> None:
        wanted = list(channels)
        if wanted and self._ear is not None:
            self._asked.update(wanted)
            self._unconfirmed.update(wanted)
            self._ear.subscribe(wanted)

    async def _keep(self) -> None:
        while True:
            try:
                await self._serve()
            except BrokerUnavailable as error:
                self._contact.lost(error)
            except Exception:  # a loop's edge: who would miss a dead watch?
                log.exception("the watch went wrong, and is set up again")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _serve(self) -> None:
        ear = await listening(self._dial(), CONNECT_SECONDS, self._hear)
        try:
            self._ear = ear
            self._ask(self._listeners)
            await self._until_lost(ear)
            self._contact.lost("the connection to Redis was lost")
        finally:
            self._ear = None
            self._asked.clear()
            self._unconfirmed.clear()
            await ear.aclose()
            self._wake_everybody()

    async def _until_lost(self, ear: Ear) -> None:
        """Return when the connection is closed, or has been silent although it was pinged."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        while not ear.lost.is_set() and loop.time() - self._heard_at < SILENCE_SECONDS:
            ear.ping()
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await ear.lost.wait()

    def _hear(self, reply: Any) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._contact.made()
        match reply:
            case [b"message", channel, payload]:
                for listener in self._listeners.get(channel.decode(), ()):
                    listener(payload)
            case [b"subscribe", channel, _]:
                self._confirmed(channel.decode())

    def _confirmed(self, channel: str) -> None:
        self._unconfirmed[channel] -= 1
        if self._unconfirmed[channel] <= 0:  # else it was asked for again since
            del self._unconfirmed[channel]
            for listener in self._listeners.get(channel, ()):
                listener(None)

    def _wake_everybody(self) -> None:
        """What was published since the connection broke is lost."""
        for listeners in tuple(self._listeners.values()):
            for listener in listeners:
                listener(None)
