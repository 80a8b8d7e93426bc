"""The calls that a gateway makes itself before it submits, on slots of their own."""

from random import Random

from simulator.engine.agenda import ENDS, Agenda
from simulator.engine.inputs import Inputs
from simulator.engine.plan import OperationPlan, Plan
from simulator.engine.station import Station

WITHIN_SECONDS = 0.25
"""What takes longer is queued like any call."""


class Inline:
    def __init__(self, plan: Plan, stations: list[Station], agenda: Agenda, inputs: Inputs, chance: Random) -> None:
        self._free = [each.service.inline_concurrency for each in plan.services]
        self._error_rates = [each.error_rate for each in plan.services]
        self._stations = stations
        self._agenda = agenda
        self._inputs = inputs
        self._chance = chance

    def make(self, now: float, operation: OperationPlan, request: int) -> tuple[float, frozenset[int]]:
        """How long it takes, and the calls that are done by then."""
        longest, done = 0.0, []
        for k, call in enumerate(operation.calls):
            if not call.inline or self._free[call.service] <= 0 or not self._stations[call.service].health.is_closed:
                continue
            seconds = self._inputs.seconds[k][request]
            held = min(seconds, WITHIN_SECONDS)
            longest = max(longest, held)
            self._free[call.service] -= 1
            self._agenda.put(now + held, ENDS, self._over, call.service)
            failed = self._error_rates[call.service] and self._chance.random() < self._error_rates[call.service]
            if seconds <= WITHIN_SECONDS and not failed:
                done.append(k)
        return longest, frozenset(done)

    def _over(self, now: float, service: int, _b: None, _c: None) -> None:
        self._free[service] += 1
