"""What is to happen when: the order of events, also of those of one instant."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Act = Callable[[float, Any, Any, Any], None]
"""What happens, told the time (s) and three things that were noted with it."""

# Of one instant: what ends makes room before anybody is too late, and both are seen before who arrives. What expires
# when its client gives up is told to nobody.
ENDS = 0
STARTS = 1 << 48
CLIENTS = 2 << 48
EXPIRES = 3 << 48
LOOKS = 4 << 48


class Agenda:
    """A heap of (when, rank and number, act, three things)."""

    __slots__ = ("_heap", "_number", "stopped")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Act, Any, Any, Any]] = []
        self._number = 0
        self.stopped = False

    def put(self, when: float, rank: int, act: Act, a: Any = None, b: Any = None, c: Any = None) -> None:
        self._number += 1
        heappush(self._heap, (when, rank + self._number, act, a, b, c))

    def run(self, arrivals: list[float], arrive: Callable[[float, int], None]) -> None:
        """Until nothing is left, or it is stopped. `arrivals` ascend; `arrive` is told the number of each."""
        heap = self._heap
        for number, at in enumerate(arrivals):
            while heap and heap[0][0] <= at:
                when, _, act, a, b, c = heappop(heap)
                act(when, a, b, c)
            arrive(at, number)
        while heap and not self.stopped:
            when, _, act, a, b, c = heappop(heap)
            act(when, a, b, c)
