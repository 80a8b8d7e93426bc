"""What chance decides about a call: how long it takes and which fault it meets."""

import math
from enum import StrEnum
from random import Random

from downstream_mock.steering import Distribution, Latency, ServiceSettings


class Fault(StrEnum):
    RESET = "reset"  # the work is done, the connection breaks mid-answer
    HANG = "hang"  # no work, no answer
    GARBAGE = "garbage"  # the work is done, the answer is no JSON
    DRIP = "drip"  # the work is done, the answer comes byte by byte
    ERROR = "error"  # no work, and an answer that says so


class Draws:
    """A service's chance: latencies and faults have a stream each, so steering one leaves the other's."""

    def __init__(self, service: str, seed: int) -> None:
        self._latencies = Random(f"{service} {seed} latency")
        self._faults = Random(f"{service} {seed} fault")

    def latency_seconds(self, latency: Latency) -> float:
        return draw_latency_seconds(latency, self._latencies)

    def fault(self, settings: ServiceSettings) -> Fault | None:
        return draw_fault(settings, self._faults)


def draw_latency_seconds(latency: Latency, rng: Random) -> float:
    mean, cv = latency.mean_seconds, latency.cv
    if mean == 0:
        return 0.0
    match latency.distribution:
        case Distribution.EXPONENTIAL:
            return rng.expovariate(1 / mean)
        case Distribution.LOGNORMAL if cv > 0:
            variance = math.log1p(cv * cv)
            return rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))
        case Distribution.GAMMA if cv > 0:
            return rng.gammavariate(1 / (cv * cv), mean * cv * cv)
        case _:
            return mean


def draw_fault(settings: ServiceSettings, rng: Random) -> Fault | None:
    """At most one fault, from one number: the shares lie side by side, in the order of `Fault`."""
    left = rng.random()
    for fault, share in (
        (Fault.RESET, settings.reset_rate),
        (Fault.HANG, settings.hang_rate),
        (Fault.GARBAGE, settings.garbage_rate),
        (Fault.DRIP, settings.drip_rate),
        (Fault.ERROR, settings.error_rate),
    ):
        if left < share:
            return fault
        left -= share
    return None
