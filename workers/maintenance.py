"""What arq's cron does for the lanes, every few seconds on one worker: reclaim and clean up."""

import logging
from typing import Any

from bff.broker.errors import BrokerUnavailable
from bff.broker.lanes import Lanes
from workers.metrics import Metrics

log = logging.getLogger(__name__)

FORGET_AFTER_SECONDS = 3600


async def reclaim(ctx: dict[Any, Any]) -> int:
    """Queue again what dead or frozen workers hold. Returns how many entries."""
    lanes: list[Lanes] = ctx["lanes"]
    metrics: Metrics = ctx["metrics"]
    count = 0
    try:
        for each in lanes:
            reclaimed, ended = await each.reclaim()
            metrics.ended(ended)
            count += reclaimed
    except BrokerUnavailable as error:
        log.warning("reclaim waits for the broker: %s", error)
        return 0
    if count:
        log.warning("reclaimed %d entries that no worker finished", count)
    return count


async def forget_consumers(ctx: dict[Any, Any]) -> int:
    """Forget the names of workers that are long gone. Returns how many."""
    lanes: list[Lanes] = ctx["lanes"]
    try:
        return sum([await each.forget_consumers(FORGET_AFTER_SECONDS) for each in lanes])
    except BrokerUnavailable:
        return 0
