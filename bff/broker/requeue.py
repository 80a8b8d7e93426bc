"""The duty that puts parked retries back into their lanes when they are due."""

from bff.broker.cell import Cell

BATCH = 100


class Requeue:
    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    async def run_once(self) -> None:
        while int(await self._cell.run("requeue", [self._cell.keys.parked()], [BATCH])) == BATCH:
            pass
