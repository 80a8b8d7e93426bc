"""The scenario of a log: to reproduce first what production did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from pydantic import ValidationError

from scenario.model import Part, Scenario, ServiceLoad, ServiceTime, Traffic
from simulator.fitting.arrivals import fit_traffic
from simulator.fitting.log import LogError, Seen
from simulator.fitting.times import Fit, fit_times

LEAST_TIMES = 20


@dataclass(frozen=True, slots=True)
class Fitted:
    """`remarks`: what was found, and what to look at before it is believed."""

    scenario: Scenario
    fit: Fit
    remarks: tuple[str, ...]


def fit_scenario(seen: Sequence[Seen], name: str, operation: str, service: str) -> Fitted:
    """`seen` in order of time. Raises LogError where too little is known of durations, or no scenario can hold it."""
    try:
        return _fitted(seen, name, operation, service)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise LogError(f"no scenario can be made of it: {'.'.join(map(str, first['loc']))}: {said}") from None


def _fitted(seen: Sequence[Seen], name: str, operation: str, service: str) -> Fitted:
    traffic = fit_traffic([each.at for each in seen])
    mix = (Part(operation=operation, share=1.0),)
    traffic = traffic.model_copy(update={"mix": mix})
    quiet = _outside_spikes(seen, traffic)
    if len(quiet) < LEAST_TIMES:
        raise LogError(f"{len(quiet)} durations outside of spikes; at least {LEAST_TIMES} are needed")
    fit = fit_times(quiet)
    most = most_at_once(seen)
    errors = sum(not each.well for each in seen) / len(seen)
    load = ServiceLoad(name=service, max_concurrency=most, time=_rounded(fit), error_rate=round(errors, 4))
    scenario = Scenario(name=name, traffic=traffic, services=(load,))
    return Fitted(scenario, fit, tuple(_remarks(seen, scenario, fit, most, len(quiet))))


def most_at_once(seen: Sequence[Seen]) -> int:
    """Requests in flight, at the peak; at least 1."""
    ends: list[float] = []
    most = 1
    for each in seen:
        while ends and ends[0] <= each.at:
            heappop(ends)
        heappush(ends, each.at + (each.seconds or 0.0))
        most = max(most, len(ends))
    return most


def _outside_spikes(seen: Sequence[Seen], traffic: Traffic) -> list[float]:
    """Times while nothing was queueing, as far as a log can tell; of everything, where there is little else."""
    start = seen[0].at
    spikes = traffic.spike_spells()
    known = [(each.at - start, each.seconds) for each in seen if each.seconds is not None]
    quiet = [seconds for at, seconds in known if not any(first <= at < last + 60 for first, last in spikes)]
    return quiet if len(quiet) >= LEAST_TIMES else [seconds for _, seconds in known]


def _rounded(fit: Fit) -> ServiceTime:
    time = fit.time
    return time.model_copy(update={"mean_seconds": float(f"{time.mean_seconds:.4g}"), "cv": round(time.cv, 3)})


def _remarks(seen: Sequence[Seen], scenario: Scenario, fit: Fit, most: int, quiet: int) -> Iterator[str]:
    traffic, time = scenario.traffic, scenario.services[0].time
    rate = traffic.baseline_per_second
    yield f"{len(seen)} requests in {traffic.duration_seconds:g} s: {rate:g}/s, {traffic.arrivals}"
    for at, spike in traffic.each_spike():
        yield f"a spike of {spike.rate_per_second:g}/s for {spike.duration_seconds:g} s, {at:g} s from the start"
    yield (
        f"times of {quiet} requests: {time.distribution}, mean {time.mean_seconds:g} s, cv {time.cv:g}; "
        f"at most {fit.distance:.1%} off"
    )
    if fit.distance > 0.1:
        yield "that is a poor fit: look at the times, several kinds of requests may be among them"
    yield f"max_concurrency {most}: the most that were seen at once, no matter how many could be"
