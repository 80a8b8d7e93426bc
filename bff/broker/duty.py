"""Duties: what somebody has to do again and again. Hosted by gateways and workers alike; scripts make that safe."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bff.broker.errors import BrokerUnavailable

log = logging.getLogger(__name__)

QUICK_SECONDS = 0.25


async def repeat(name: str, run_once: Callable[[], Awaitable[object]], every_seconds: float = QUICK_SECONDS) -> None:
    """Run until cancelled. A broker that is away is waited for, and said once each time it goes."""
    away = False
    while True:
        try:
            await run_once()
            away = False
        except BrokerUnavailable as error:
            if not away:
                log.warning("duty %s waits for the broker: %s", name, error)
            away = True
        await asyncio.sleep(every_seconds)
