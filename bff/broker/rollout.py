"""How much of each operation is asynchronous: kept in the broker, so that all gateways follow within a second."""

from collections.abc import Mapping

from bff.broker.cell import Cell
from bff.broker.job import pairs
from bff.policies.rollout import WHOLE, is_async, share_of

EVERY_SECONDS = 0.25
"""How often a gateway looks."""


class Rollout:
    """What a process knows of it, as last read: with the broker away it stays as it was."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._initial = {name: share_of(each.async_percent) for name, each in cell.catalog.operations.items()}
        self._shares = dict(self._initial)

    async def run_once(self) -> None:
        """The duty of every gateway. Raises BrokerUnavailable."""
        changed = pairs(await self._cell.redis.execute("HGETALL", self._cell.keys.rollout()))
        self._shares = {name: min(WHOLE, int(changed.get(name, initial))) for name, initial in self._initial.items()}

    @property
    def percentages(self) -> Mapping[str, float]:
        """By operation, 0 to 100."""
        return {name: share / 100 for name, share in self._shares.items()}

    def is_async(self, operation: str, subject: str) -> bool:
        return is_async(operation, subject, self._shares[operation])

    async def set(self, operation: str, percent: float) -> None:
        """For every gateway. Raises ValueError for what is not 0 to 100, BrokerUnavailable."""
        await self._cell.run("share", [self._cell.keys.rollout()], [operation, share_of(percent)])
        await self.run_once()

    async def reset(self, operation: str) -> None:
        """Back to what the catalog says. Raises BrokerUnavailable."""
        await self._cell.redis.execute("HDEL", self._cell.keys.rollout(), operation)
        await self.run_once()
