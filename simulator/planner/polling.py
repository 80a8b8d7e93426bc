"""What waiting clients ask of the gateway."""

from dataclasses import dataclass

from scenario.model import Wait
from scenario.patience import HOLD_SECONDS
from simulator.planner.case import Case, look_seconds
from simulator.planner.outlook import Outlook


@dataclass(frozen=True, slots=True)
class Polling:
    """At the peak: clients that wait, what they ask (1/s), and how many connections that holds open."""

    waiting: int
    requests_per_second: float
    connections: int
    every_seconds: float


def polling(case: Case, outlook: Outlook) -> Polling:
    """What waits, what is at work, and what is done and not yet seen."""
    busy = min(case.slots, case.peak_per_second * case.time.mean_seconds)
    age = outlook.peak_depth / case.capacity_per_second / 2
    every = look_seconds(case.clients, age)
    asks = case.clients.wait in (Wait.POLL, Wait.BACKOFF)
    waiting = round(outlook.peak_depth + busy + min(case.peak_per_second, case.capacity_per_second) * every / 2)
    if asks:
        return Polling(waiting, waiting / every, 0, every)
    held = case.clients.wait is Wait.LONG_POLL
    return Polling(waiting, waiting / HOLD_SECONDS if held else 0.0, waiting, HOLD_SECONDS if held else 0.0)
