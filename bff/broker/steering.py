"""What an operator says of a service: every worker and admission see it at once, since their scripts read it."""

from bff.broker.cell import Cell
from bff.policies.breaker import Forced

MOST_HELD_SECONDS = 86_400


class Steering:
    """One script for each of these. All raise BrokerUnavailable."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    async def hold(self, service: str, seconds: int | None = None) -> None:
        """Nobody calls it for so long; None: until it is resumed. Said again, the last word counts."""
        await self._run("hold", service, 0 if seconds is None else seconds * 1000)

    async def resume(self, service: str) -> bool:
        """It is called again, also where it had asked for a rest itself. False where it was not paused."""
        return bool(await self._run("resume", service) == b"resumed")

    async def force(self, service: str, breaker: Forced | None) -> None:
        """Its breaker stands so until somebody says otherwise; None: the ends of calls decide again."""
        await self._run("force", service, breaker or "auto")

    async def _run(self, name: str, service: str, *arguments: str | int) -> object:
        return await self._cell.run(name, [self._cell.keys.service(service)], arguments)
