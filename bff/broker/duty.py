"""Duties: what somebody has to do again and again. Hosted by gateways and workers alike; scripts make that safe."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bff.broker.contact import Contact
from bff.broker.errors import BrokerUnavailable

log = logging.getLogger(__name__)

QUICK_SECONDS = 0.25


async def repeat(name: str, run_once: Callable[[], Awaitable[object]], every_seconds: float = QUICK_SECONDS) -> None:
    """Run until cancelled. What goes wrong is said once, and tried again: who would miss a dead duty?"""
    contact = Contact(f"duty {name}")
    well = True
    while True:
        try:
            await run_once()
            contact.made()
            well = True
        except BrokerUnavailable as error:
            contact.lost(error)
        except Exception:  # a loop's edge
            if well:
                log.exception("duty %s went wrong, and is tried again", name)
            well = False
        await asyncio.sleep(every_seconds)
