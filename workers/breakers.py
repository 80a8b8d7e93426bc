"""Says once that a service's breaker has opened, and once that it has closed again: each worker for itself."""

import asyncio
import logging

from bff.broker.cell import Cell
from bff.broker.survey import breaker_is_closed
from bff.logs import about

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0


class Breakers:
    """As the broker has them: opened by whichever worker's call, or by an operator."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._open: set[str] = set()

    async def run_once(self) -> None:
        services = list(self._cell.catalog.services)
        closed = await asyncio.gather(*(breaker_is_closed(self._cell, service) for service in services))
        for service, is_closed in zip(services, closed, strict=True):
            if is_closed and service in self._open:
                self._open.discard(service)
                log.info("the breaker has closed: %s is called again", service, extra=about(service=service))
            elif not is_closed and service not in self._open:
                self._open.add(service)
                log.warning("the breaker has opened: %s is left alone", service, extra=about(service=service))
