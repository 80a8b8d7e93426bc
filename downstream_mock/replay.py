"""The first answer of every Idempotency-Key, and the keys whose first call still runs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

MAX_ANSWERS = 200_000


class Replays:
    """One call at a time claims a key; ending without an answer to remember, it leaves the key free."""

    def __init__(self, max_answers: int = MAX_ANSWERS) -> None:
        # Plain bytes: the garbage collector has nothing to scan in here, however many there are.
        self._answers: dict[str, bytes] = {}
        self._max_answers = max_answers
        self._running: dict[str, asyncio.Event] = {}

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        running = self._running[key] = asyncio.Event()
        try:
            yield
        finally:
            if self._running.get(key) is running:
                self._release(key)

    def remember(self, key: str, body: bytes) -> None:
        """Whoever waits gets it now, even while the first answer is still being sent."""
        self._answers[key] = body
        if len(self._answers) > self._max_answers:
            del self._answers[next(iter(self._answers))]
        self._release(key)

    async def first_answer(self, key: str) -> bytes | None:
        """Waits while a first call runs. None: the key may be claimed, until the next await."""
        while (running := self._running.get(key)) is not None:
            await running.wait()
        return self._answers.get(key)

    def _release(self, key: str) -> None:
        if running := self._running.pop(key, None):
            running.set()
