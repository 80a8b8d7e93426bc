"""What was asked: the scenario in a few sentences and a table, and what its arithmetic says before anything has run."""

from collections.abc import Iterator
from dataclasses import dataclass

from scenario import words
from scenario.model import Clients, Pattern, Scenario, Wait
from scenario.report.html import Cell, Table
from scenario.stage import Stage, StageService


@dataclass(frozen=True, slots=True)
class Demands:
    """Of the bottleneck. `capacity` (C) and `peak` in calls per second, `peak` of first attempts."""

    capacity: float
    peak: float
    ttl_seconds: float
    places: float | None
    """Waiting places; None where nothing waits in a queue."""

    @property
    def useful_depth(self) -> float:
        """C·TTL: what stands further back cannot start in time."""
        return self.capacity * self.ttl_seconds


def demands(stage: Stage) -> Demands:
    scenario, bottleneck = stage.scenario, stage.bottleneck
    top = max([scenario.traffic.baseline_per_second, *(each.rate_per_second for each in scenario.traffic.spikes)])
    places = None if scenario.pattern is Pattern.SYNC else float(scenario.queue.capacity)
    return Demands(bottleneck.calls_per_second, top * _calls_each(stage), stage.longest_wait_seconds, places)


def asked(stage: Stage) -> str:
    """In sentences."""
    return words.sentences(_sentences(stage.scenario, stage.bottleneck, demands(stage)))


def table(stage: Stage) -> Table:
    rows = [[Cell(name), Cell(text)] for name, text in _rows(stage)]
    return Table("The scenario", ["What", "As asked for"], rows)


def _sentences(scenario: Scenario, bottleneck: StageService, demanded: Demands) -> Iterator[str]:
    traffic = scenario.traffic
    spike = (
        f", up to {words.per_second(max(s.rate_per_second for s in traffic.spikes))} in spikes"
        if traffic.spikes
        else ""
    )
    operations = words.listed(sorted({part.operation for part in traffic.mix}))
    base, lasting = words.per_second(traffic.baseline_per_second), words.seconds(traffic.duration_seconds)
    yield f"requests for {operations} come at {base}{spike}, for {lasting}"
    ratio = demanded.peak / demanded.capacity
    carries = f"{words.number(demanded.capacity)} calls a second"
    if ratio > 1:
        offered = f"{words.number(demanded.peak)} are offered at the peak, {words.number(ratio)} times as many"
    else:
        offered = f"{words.number(demanded.peak)} are offered at the peak, {words.share(ratio)} of that"
    yield f"the bottleneck, {bottleneck.name}, carries {carries}; {offered}"
    if demanded.places is None:
        yield f"the gateway holds {words.number(scenario.gateway_concurrency)} requests at once, each for a whole call"
        return
    useful = words.number(demanded.useful_depth)
    ttl = words.seconds(demanded.ttl_seconds)
    yield f"of what waits, {useful} can start within the TTL of {ttl} (C·TTL)"
    if demanded.places > demanded.useful_depth and ratio > 1:
        places, beyond = words.number(demanded.places), words.number(demanded.places - demanded.useful_depth)
        yield f"the queue has {places} places: {beyond} of them can only hold work that will expire"


def _rows(stage: Stage) -> Iterator[tuple[str, str]]:
    scenario, demanded = stage.scenario, demands(stage)
    traffic = scenario.traffic
    yield "Pattern", _pattern(scenario)
    rate = f"{words.per_second(traffic.baseline_per_second)}, {traffic.arrivals}"
    warm = f"; the first {words.seconds(traffic.warmup_seconds)} not counted" if traffic.warmup_seconds else ""
    yield "Traffic", f"{rate}, for {words.seconds(traffic.duration_seconds)}{warm}; seed {scenario.seed}"
    for spike in traffic.spikes:
        again = f", every {words.seconds(spike.every_seconds)}" if spike.every_seconds else ""
        ramp = f", {words.seconds(spike.ramp_seconds)} up and down" if spike.ramp_seconds else ""
        at = f"from {words.seconds(spike.at_seconds)} on, for {words.seconds(spike.duration_seconds)}"
        yield "Spike", f"{words.per_second(spike.rate_per_second)} in all, {at}{ramp}{again}"
    for part in traffic.mix:
        yield "Mix", f"{part.operation}, {part.priority} priority: {words.share(part.share)}"
    for service in stage.services.values():
        yield f"Service {service.name}", _service(service)
    yield "Capacity of the bottleneck (C)", f"{stage.bottleneck.name}: {words.per_second(demanded.capacity)}"
    yield "Offered to it at the peak", f"{words.per_second(demanded.peak)}, first attempts alone"
    if demanded.places is not None:
        yield from _queue(scenario, demanded)
    yield "Clients", _clients(scenario.clients)


def _pattern(scenario: Scenario) -> str:
    if scenario.pattern is Pattern.SYNC:
        return f"synchronous: at most {words.number(scenario.gateway_concurrency)} requests are held at once"
    return "asynchronous: accepted into a queue, told later"


def _service(service: StageService) -> str:
    told = service.service
    rate = f", {words.per_second(told.rate_per_second)} at most" if told.rate_per_second else ""
    spread = f", cv {words.number(service.time.cv)}" if service.time.distribution in ("lognormal", "gamma") else ""
    takes = f"{words.seconds(service.time.mean_seconds)} ({service.time.distribution}{spread})"
    errors = f"; {words.share(service.error_rate)} fail" if service.error_rate else ""
    also = "" if service.named else "; as the catalog has it"
    return f"{words.many(told.max_concurrency, 'slot')}{rate}; a call takes {takes}{errors}{also}"


def _queue(scenario: Scenario, demanded: Demands) -> Iterator[tuple[str, str]]:
    queue = scenario.queue
    shares = [f"{name} {words.share(part)}" for name, part in queue.shares.items() if part < 1]
    bound = f"; of it at most: {', '.join(shares)}" if shares else ""
    yield "Queue", f"{words.number(queue.capacity)} places, {queue.discipline}{bound}; admission {queue.admission}"
    stated = "" if queue.ttl_seconds else " (what clients wait for, less the time that the work takes)"
    yield "Longest wait for a start (TTL)", f"{words.seconds(demanded.ttl_seconds)}{stated}"
    yield "Useful depth (C·TTL)", words.number(demanded.useful_depth)


def _clients(clients: Clients) -> str:
    every = f" every {words.seconds(clients.poll_seconds)}" if clients.wait is Wait.POLL else ""
    waits = f"wait by {clients.wait.replace('_', ' ')}{every}, give up after {words.seconds(clients.timeout_seconds)}"
    if not clients.retries:
        return f"{waits}, never retry"
    heeds = "heeding" if clients.honours_retry_after else "ignoring"
    backoff = words.seconds(clients.retry_backoff_seconds)
    return f"{waits}, retry {words.many(clients.retries, 'time')} after {backoff} and more, {heeds} Retry-After"


def _calls_each(stage: Stage) -> float:
    """To the bottleneck, of one request of the mix on average."""
    name = stage.bottleneck.name
    return sum(
        part.share * sum(call.service == name for call in stage.operations[part.operation].calls)
        for part in stage.scenario.traffic.mix
    )
