"""What operators watch: one look a second for all of them, and none while nobody watches."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from bff.broker.errors import BrokerUnavailable
from gateway.push import messages

EVERY_SECONDS = 1.0

Document = Mapping[str, Any]


class Watcher(Protocol):
    """Called from the event loop, and must not wait."""

    def shown(self, text: str) -> None:
        """The newest overview, as a message."""

    def blind(self) -> None:
        """There is none for now; it goes on when there is."""


class Overview:
    """`run` beside everything; `watch` and `leave` in pairs."""

    def __init__(self, read: Callable[[], Awaitable[Document]]) -> None:
        self._read = read
        self._document: Document = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._watchers: set[Watcher] = set()
        self._watched = asyncio.Event()

    async def now(self) -> Document:
        """At most a second old. Raises BrokerUnavailable."""
        async with self._reading:
            asked_at = time.monotonic()
            if asked_at - self._read_at >= EVERY_SECONDS:
                self._document = await self._read()
                self._read_at = asked_at
        return self._document

    def outdated(self) -> None:
        """Something is being changed: the next look is a new one."""
        self._read_at = float("-inf")

    def watch(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        self._watched.set()

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers:
            self._watched.clear()

    async def run(self) -> None:
        blind = False
        while True:
            await self._watched.wait()
            try:
                text = messages.overview(await self.now())
                blind = False
                for watcher in tuple(self._watchers):
                    watcher.shown(text)
            except BrokerUnavailable:
                for watcher in tuple(self._watchers) if not blind else ():
                    watcher.blind()
                blind = True
            await asyncio.sleep(EVERY_SECONDS)
