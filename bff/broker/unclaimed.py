"""Results that nobody fetched: counted when their time is over."""

from bff.broker.cell import Cell
from bff.broker.job import pairs

EVERY_SECONDS = 10.0
BATCH = 100
"""Minutes that one script looks at."""


class Tally:
    """The duty that counts them, a minute at a time."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    async def run_once(self) -> None:
        while await self._cell.run("unclaimed", [self._cell.keys.unclaimed()], [BATCH]):
            pass


async def unclaimed(cell: Cell) -> dict[str, int]:
    """How many results of each operation have gone without having been fetched. Raises BrokerUnavailable."""
    fields = pairs(await cell.redis.execute("HGETALL", cell.keys.unclaimed()))
    return {operation: int(fields.get(f"of.{operation}", b"0")) for operation in cell.catalog.operations}
