"""What a driven run met on its way: what a simulation of the same run can be given in place of what was stated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """By number of the arrival, nan where it is not known, empty where nothing was observed: `service_seconds`, what
    its call took at the bottleneck; `accept_seconds`, from when it was to be sent to the first answer.

    `calls`: how many there were to the bottleneck, and `mean_service_seconds` what they took on average. Those of
    clients that try again are told by these alone: what their last attempts took says nothing of the others.
    `turnaround_seconds`: from when a slot was free, and somebody waited, to the next start. `beside_seconds`: by part
    of the mix, what a job took beside acceptance, its wait and its call at the bottleneck: other calls and the way
    between them; nan where no job tells, empty where nothing was observed.
    """

    calls: int = 0
    mean_service_seconds: float = 0.0
    service_seconds: Sequence[float] = ()
    turnaround_seconds: float = 0.0
    accept_seconds: Sequence[float] = ()
    beside_seconds: Sequence[float] = ()

    @property
    def median_accept_seconds(self) -> float:
        known = [seconds for seconds in self.accept_seconds if not isnan(seconds)]
        return median(known) if known else 0.0

    def in_steps(self) -> list["Observed"]:
        """Put in one after the other: nothing, service times, then the turn-around, then all."""
        service = replace(self, turnaround_seconds=0.0, accept_seconds=(), beside_seconds=())
        return [Observed(), service, replace(service, turnaround_seconds=self.turnaround_seconds), self]
