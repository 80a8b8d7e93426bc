"""The duty that tells doomed jobs so at once, also when every worker is dead."""

from collections.abc import Callable, Iterable

from bff.broker.cell import Cell
from bff.broker.job import Ended, decode_ended
from bff.broker.lanes import Lanes

BATCH = 100


class Expiry:
    """Ends jobs past their deadline, and lets go of entries past their start-by at the heads of all lanes."""

    def __init__(self, cell: Cell, on_ended: Callable[[Iterable[Ended]], None]) -> None:
        self._cell = cell
        self._lanes = [Lanes(cell, service, "sweep") for service in cell.catalog.services]
        self._on_ended = on_ended

    async def run_once(self) -> None:
        while True:
            ended = decode_ended(await self._cell.run("expire", [self._cell.keys.deadlines()], [BATCH]))
            self._on_ended(ended)
            if len(ended) < BATCH:
                break
        for lanes in self._lanes:
            self._on_ended(await lanes.sweep(BATCH))
