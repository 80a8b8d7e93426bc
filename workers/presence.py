"""That this worker is alive, and what it holds: said to the broker once a second."""

import time
from collections.abc import Sequence
from contextlib import suppress

from bff.broker.cell import Cell
from bff.broker.errors import BrokerUnavailable
from bff.broker.workers import beat, leave
from workers.consumer import Consumer


class Presence:
    def __init__(self, cell: Cell, name: str, consumers: Sequence[Consumer]) -> None:
        self.draining = False
        self._cell = cell
        self._name = name
        self._consumers = consumers
        self._began = time.monotonic()

    async def run_once(self) -> None:
        up_ms = round((time.monotonic() - self._began) * 1000)
        held = {consumer.service: consumer.held for consumer in self._consumers}
        await beat(self._cell, self._name, up_ms=up_ms, draining=self.draining, services=held)

    async def leave(self) -> None:
        """Who cannot say so is missed in ten seconds."""
        with suppress(BrokerUnavailable):
            await leave(self._cell, self._name)
