"""Arrivals sent on time, whatever comes back."""

import asyncio
import time
from collections.abc import Callable, Iterable

from scenario.arrivals import Arrival

IN_A_ROW = 50
"""That late arrivals are sent, before answers are looked at again."""

Launch = Callable[[Arrival], None]


async def send_on_time(arrivals: Iterable[Arrival], start: float, launch: Launch) -> None:
    """`start` is on `time.perf_counter()`. Launching must take no time: it begins a task."""
    in_a_row = 0
    for arrival in arrivals:
        early = start + arrival.at - time.perf_counter()
        in_a_row = 0 if early > 0 else in_a_row + 1
        if early > 0 or in_a_row % IN_A_ROW == 0:
            await asyncio.sleep(max(0.0, early))
        launch(arrival)
