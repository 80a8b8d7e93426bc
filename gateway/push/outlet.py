"""Sending to a client that may read slowly: a task that lives only while there is something to send."""

import asyncio
from collections.abc import Callable, Iterator

from starlette.types import Message, Send

BLOCKED_SECONDS = 30.0
"""A client that has not read for so long is given up."""


class Outlet:
    """Sends the messages of an iterator, one after the other: it may tell at the last moment what is newest.

    What stands behind a `yield` there runs once that message has been handed over. What is left of it when the client
    is gone or blocked does not run.
    """

    __slots__ = ("_blocked", "_messages", "_send", "_task")

    def __init__(self, send: Send, messages: Callable[[], Iterator[Message]], blocked: Callable[[], None]) -> None:
        self._send = send
        self._messages = messages
        self._blocked = blocked
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There may be something to send."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def idle(self) -> None:
        """Return when all that there was to send has been handed over."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        blocked = False
        try:
            for message in self._messages():
                async with asyncio.timeout(BLOCKED_SECONDS):
                    await self._send(message)
        except TimeoutError:
            blocked = True
        except OSError:
            pass  # the client is gone; who receives from it is told so
        finally:
            self._task = None
        if blocked:
            self._blocked()
