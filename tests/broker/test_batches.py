"""Runs that go as one command leave behind, and answer, what they would one after the other."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bff.broker.job import Mode
from bff.broker.job_id import new_job_id
from bff.broker.keys import Keys
from bff.broker.lanes import End, Entry, Health
from bff.broker.quota import Quota
from bff.catalog.model import Priority
from tests.broker.history import STANDS_IN
from tests.broker.servers import Server, patient
from tests.broker.snapshot import SERVICES
from tests.broker.turned import Turned
from tests.broker.world import BAD, GOOD, HOOK, MAIL, World

pytestmark = pytest.mark.anyio

ENTRY = re.compile(rb"\d{13}-\d+")
"""Named by the server's own clock."""
QUOTAS = {"public": Quota(), "acme": Quota(requests=5, max_in_flight=4)}

submissions = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["one", "order", "both", "screen", "scarce", "crowded", "chain", "soft"]),
        "client": st.sampled_from(sorted(QUOTAS)),
        "priority": st.sampled_from(Priority),
        "timeout_ms": st.sampled_from([10_000, 10_000, 400]),
        "mode": st.sampled_from([Mode.ASYNC, Mode.ASYNC, Mode.SYNC]),
        "idempotency_key": st.sampled_from([None, None, "k"]),
        "notify": st.sampled_from([None, None, HOOK, MAIL]),
    }
)
ends = st.builds(
    replace,
    st.sampled_from([GOOD, GOOD, GOOD, BAD, STANDS_IN]),
    milliseconds=st.sampled_from([1, 40, 900]),
    health=st.sampled_from(Health),
    cache_key=st.sampled_from([None, "digest"]),
    cache_ms=st.just(1_000_000),
    pause_ms=st.sampled_from([0, 0, 0, 50]),
)
ticks = st.tuples(
    st.lists(submissions, min_size=1, max_size=6), st.lists(ends, min_size=1, max_size=6), st.integers(0, 12_000)
)


class Side:
    """One of the two cells that are told the same."""

    def __init__(self, server: Server, at_once: bool) -> None:
        self._redis = patient(server.url)
        keys = Keys(new_job_id())
        self._clock = Turned(self._redis, keys)
        self.world = World(self._clock, keys=keys)
        self._at_once = at_once
        self._entries: list[tuple[str, Entry]] = []
        self._ids = random.Random(1)

    async def begin(self) -> None:
        await self._clock.turn(0)
        await self.world.accepted(id="first")
        await self.world.do()  # a script that is yet to be loaded is run for others first

    async def tick(self, submitted: Sequence[dict[str, Any]], ended: Sequence[Any], turn_ms: int) -> list[Any]:
        """What was answered."""
        for service in SERVICES:
            self._entries += [(service, entry) for entry in await self.world.take(service)]
        told, self._entries = self._entries[: len(ended)], self._entries[len(ended) :]
        answers = await self._all([self._submit(one) for one in submitted])
        answers += await self._all([self._finish(*each, end) for each, end in zip(told, ended, strict=False)])
        await self._clock.turn(turn_ms)
        return answers

    async def held(self) -> dict[bytes, Any]:
        """All keys but for what the server's own clock is in."""
        ask, found = self._redis.execute, {}
        value: Any = None
        for key in await ask("KEYS", f"{self.world.keys.prefix}:*"):
            name = key.removeprefix(self.world.keys.prefix.encode())
            match await ask("TYPE", key):
                case b"string":
                    value = await ask("GET", key)
                case b"hash":
                    flat = await ask("HGETALL", key)
                    value = {field: ENTRY.sub(b"entry", was) for field, was in zip(flat[::2], flat[1::2], strict=True)}
                case b"zset":
                    value = await ask("ZRANGE", key, 0, -1, "WITHSCORES")
                case b"list":
                    value = [re.sub(rb"(taken .*) \d+$", rb"\1", event) for event in await ask("LRANGE", key, 0, -1)]
                case b"stream":
                    value = [fields for _, fields in await ask("XRANGE", key, "-", "+")]
            found[name] = value, await ask("PTTL", key) >= 0
        return found

    async def aclose(self) -> None:
        await self._redis.aclose()

    def _submit(self, one: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
        job_id = f"{self._ids.getrandbits(64):016x}"
        return lambda: self.world.submit(id=job_id, quota=QUOTAS[one["client"]], **one)

    def _finish(self, service: str, entry: Entry, end: End) -> Callable[[], Awaitable[Any]]:
        return lambda: self.world.lanes(service).finish(entry, end)

    async def _all(self, asked: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
        if self._at_once:
            return list(await asyncio.gather(*(ask() for ask in asked), return_exceptions=True))
        return [answer for ask in asked for answer in await asyncio.gather(ask(), return_exceptions=True)]


AN_ORDER = {"operation": "order", "client": "public"}
SLOW = replace(GOOD, milliseconds=900)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(ticks, min_size=1, max_size=3))
@example(history=[([AN_ORDER] * 6, [], 0), ([], [SLOW] * 6, 0)])  # what one run measures, the next one counts with
def test_runs_at_once_come_to_the_same_as_one_after_the_other(any_redis: Server, history: list[Any]) -> None:
    async def compare() -> None:
        together, alone = Side(any_redis, at_once=True), Side(any_redis, at_once=False)
        try:
            for side in together, alone:
                await side.begin()
            for tick in history:
                assert await together.tick(*tick) == await alone.tick(*tick)
            assert await together.held() == await alone.held()
        finally:
            for side in together, alone:
                await side.aclose()

    asyncio.run(compare())
