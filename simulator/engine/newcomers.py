"""Who came to a service's lanes of late, estimated from two windows, as scripts/lib/admission.lua counts them."""

from bff.policies.admission import CAME_WITHIN_MS
from simulator.engine.plan import PRIORITIES


class Newcomers:
    __slots__ = ("_before", "_began_ms", "_came")

    def __init__(self) -> None:
        self._began_ms = 0
        self._came = [0] * len(PRIORITIES)
        self._before = [0] * len(PRIORITIES)

    def others(self, now_ms: int, priority: int) -> int:
        """To the lanes of the other priorities."""
        age = now_ms - self._began_ms
        came, before = self._came, self._before
        if age >= CAME_WITHIN_MS:
            came, before = [0] * len(came), came if age < 2 * CAME_WITHIN_MS else [0] * len(came)
        left = CAME_WITHIN_MS - age % CAME_WITHIN_MS
        lanes = (lane for lane in range(len(came)) if lane != priority)
        return sum(came[lane] + before[lane] * left // CAME_WITHIN_MS for lane in lanes)

    def note(self, now_ms: int, priority: int) -> None:
        age = now_ms - self._began_ms
        if age >= CAME_WITHIN_MS:
            self._before = self._came if age < 2 * CAME_WITHIN_MS else [0] * len(self._came)
            self._came = [0] * len(self._came)
            self._began_ms = now_ms - age % CAME_WITHIN_MS
        self._came[priority] += 1
