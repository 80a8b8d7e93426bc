"""A clock that is turned by hand, inside the scripts too: a history takes no time, and goes the same way each time.

How long an entry is held, Redis counts by its own clock; so here, each is held for long enough to be reclaimed.
"""

from collections.abc import Sequence
from typing import Any

from bff.broker.keys import Keys
from bff.broker.pipeline import Pipeline
from bff.broker.script import Script
from tests.broker.fake import FakeRuns

BEGIN_MS = 4_000_000_000_000  # long ahead of the server's own clock, by which keys still expire

Fault = tuple[str, str]

_EDITS = (
    ("redis.call('TIME')", "redis.call('HMGET', cell .. 'settings:clock', 's', 'us')"),
    ("'IDLE', idle_ms + 1000", "'IDLE', 0"),
)


class Turned:
    """A cell's connection. `faults`, what is right and what is wrong, are seeded into each script that has the text."""

    def __init__(self, redis: Pipeline | FakeRuns, keys: Keys, faults: Sequence[Fault] = ()) -> None:
        self.now_ms = BEGIN_MS
        self._redis = redis
        self._clock = f"{keys.settings()}:clock"
        self._edits = (*_EDITS, *faults)

    async def turn(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        seconds, rest_ms = divmod(self.now_ms, 1000)
        await self._redis.execute("HSET", self._clock, "s", seconds, "us", rest_ms * 1000)

    async def execute(self, *command: str | bytes | int | float) -> Any:
        if command == ("TIME",):
            return self.now_ms // 1000, self.now_ms % 1000 * 1000
        return await self._redis.execute(*command)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        source = script.source
        for right, wrong in self._edits:
            source = source.replace(right, wrong)
        return await self._redis.run(Script(script.name, source, script.batched), keys, arguments)

    async def aclose(self) -> None:
        await self._redis.aclose()
