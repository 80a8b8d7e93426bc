"""Waiting for new entries, and taking them the moment that they are there."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from redis.exceptions import ResponseError

from bff.broker.errors import BrokerUnavailable
from bff.broker.lanes import Lanes, Supply, Taken
from bff.broker.pipeline import Pipeline

BLOCK_MS = 1000
SLACK_SECONDS = 3.0
UNBLOCK_AGAIN_SECONDS = 0.02
COMPARED_SECONDS = 10.0
"""How often the broker's clock is compared with that of this process, so that they do not drift apart."""


class Arrivals:
    """One idle consumer's connection: XREAD BLOCK behind the last ids that a take saw, and behind it a take.

    What stands behind a command that blocks, Redis runs in the moment in which that one ends
    (processUnblockedClients in its blocked.c): no message to and fro lies between an entry's coming and its being
    taken. What is taken for a consumer that is frozen, or gone without a word, is reclaimed.
    """

    def __init__(self, lanes: Lanes, url: str) -> None:
        self._lanes = lanes
        self._line = Pipeline(url, timeout_seconds=BLOCK_MS / 1000 + SLACK_SECONDS)
        self._cell = replace(lanes.cell, redis=self._line)
        self._client_id: int | None = None
        self._compared: tuple[float, float] | None = None  # the clock of this process and the broker's, seconds
        self._over = asyncio.Event()
        self._over.set()

    async def take(self, behind: Sequence[str], wanted: int) -> Taken:
        """Up to `wanted` entries once there is one behind these ids, or after a second. Raises BrokerUnavailable."""
        self._over.clear()
        try:
            return await self._take(behind, wanted)
        except BrokerUnavailable:
            self._client_id = self._compared = None
            raise
        finally:
            self._over.set()

    async def interrupt(self) -> None:
        """Have a take that waits take what there is now, and return once it has."""
        while not self._over.is_set():
            with suppress(BrokerUnavailable, ResponseError):
                if self._client_id:
                    await self._lanes.cell.redis.execute("CLIENT", "UNBLOCK", self._client_id)
            with suppress(TimeoutError):
                async with asyncio.timeout(UNBLOCK_AGAIN_SECONDS):
                    await self._over.wait()

    async def aclose(self) -> None:
        await self._line.aclose()

    async def _take(self, behind: Sequence[str], wanted: int) -> Taken:
        if self._client_id is None:
            self._client_id = await self._own_id()
        sent_at = time.monotonic()
        told = self._ask("TIME") if self._compared is None or sent_at - self._compared[0] >= COMPARED_SECONDS else None
        waited = self._ask("XREAD", "COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", *self._lanes.keys, *behind)

        def taken_at(now_ms: int) -> float:
            if told is not None:
                seconds, microseconds = told.result()
                self._compared = sent_at, int(seconds) + int(microseconds) / 1_000_000
            assert self._compared is not None
            here, there = self._compared
            return max(sent_at, min(here + now_ms / 1000 - there, time.monotonic()))  # whatever a clock leaps

        taken = await self._lanes.take_by(self._cell, wanted, taken_at)
        if isinstance(waited.exception(), ResponseError) and taken.supply is Supply.IDLE:
            await asyncio.sleep(BLOCK_MS / 1000)  # it was refused at once: who asks again would never stop asking
        return taken

    async def _own_id(self) -> int:
        """0, which nobody has, where Redis does not say."""
        try:
            return int(await self._line.execute("CLIENT", "ID"))
        except ResponseError:
            return 0

    def _ask(self, *command: str | int) -> asyncio.Future[Any]:
        asked = self._line.ask(*command)
        asked.add_done_callback(lambda asked: asked.cancelled() or asked.exception())  # whoever wants it or not
        return asked
