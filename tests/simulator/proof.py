"""Queues in theory and in the simulator, at length: `python -m tests.simulator.proof` prints a table.

The same checks as test_theory.py, with a hundred times as many arrivals: minutes, so not a test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

import click

from scenario.chance import Stream, exponential, stream
from scenario.result import End
from simulator.engine.events import by_events
from simulator.engine.inputs import Inputs, inputs_of
from simulator.engine.plan import Plan
from simulator.replications import once
from simulator.student import interval_95
from tests.simulator.stages import a_plan
from tests.simulator.test_theory import Measure, beyond, loss, mean_wait, p_wait, settled, the_plan

REPLICATIONS = 20


@dataclass(frozen=True, slots=True)
class Row:
    queue: str
    value: str
    expected: float
    got: list[float]


def rows(plan: Plan, queue: str, wanted: Mapping[str, tuple[Measure, float]]) -> Iterator[Row]:
    runs = [settled(plan, once(plan, number)[0]) for number in range(REPLICATIONS)]
    for name, (measure, expected) in wanted.items():
        yield Row(queue, name, expected, [measure(run) for run in runs])


def steady(arrivals: int) -> Iterator[Row]:
    constant = {"distribution": "constant"}
    waits = {"P(wait)": (p_wait, 0.4091801508), "mean wait, s": (mean_wait, 0.2045900754)}
    tails = {"beyond w95": (beyond(1.05106626), 0.05), "beyond w99": (beyond(1.855785216), 0.01)}
    yield from rows(the_plan(8, 1, 10, arrivals), "M/M/10, 8/s, 1 s", {**waits, **tails})
    waits = {"P(wait)": (p_wait, 0.5064568539), "mean wait, s": (mean_wait, 0.08103309663)}
    tails = {"beyond w99": (beyond(0.6279766468), 0.01)}
    yield from rows(the_plan(118.75, 0.8, 100, 4 * arrivals), "M/M/100, 118.75/s, 0.8 s", {**waits, **tails})
    plan = the_plan(0.8, 1, 1, arrivals, time=constant)
    tails = {"beyond w95": (beyond(6.620325), 0.05), "beyond w99": (beyond(10.355887), 0.01)}
    yield from rows(plan, "M/D/1, 0.8/s, 1 s", {"mean wait, s": (mean_wait, 2.0), **tails})
    waits = {"P(wait)": (p_wait, 0.38471739), "mean wait, s": (mean_wait, 0.10982779)}
    yield from rows(the_plan(8, 1, 10, arrivals, time=constant), "M/D/10, 8/s, 1 s", waits)
    for rate, ttl, lost, wait in ((8, 1, 0.01158869555, 0.1286494667), (12, 2, 0.1680455071, 1.524165043)):
        plan = the_plan(rate, 1, 10, arrivals, queue={"ttl_seconds": ttl})
        served = {"expired": (loss, lost), "mean wait of served, s": (mean_wait, wait)}
        yield from rows(plan, f"M/M/10+D, {rate}/s, 1 s, TTL {ttl} s", served)
    plan = the_plan(12, 1, 10, arrivals, queue={"admission": "capacity", "capacity": 5})
    yield from rows(plan, "M/M/10/15, 12/s, 1 s", {"rejected": (loss, 0.2032608989)})


def relaxed() -> Iterator[Row]:
    """A long TTL takes 225 s until the first one has waited for so long."""
    traffic = {"baseline_per_second": 150, "duration_seconds": 900, "warmup_seconds": 300}
    plan = a_plan(traffic=traffic, time={"mean_seconds": 0.8}, servers=100, queue={"ttl_seconds": 45})
    served = {"expired": (loss, 1 / 6), "mean wait of served, s": (mean_wait, 44.96)}
    yield from rows(plan, "M/M/100+D, 150/s, 0.8 s, TTL 45 s", served)


def impatient(arrivals: int) -> Iterator[Row]:
    plan = the_plan(10, 1, 10, arrivals)
    runs = []
    for number in range(REPLICATIONS):
        drawn, rng = inputs_of(plan, number), stream(1, Stream.CLIENTS, number)
        patient = [exponential(rng, 2.0) for _ in drawn.at]
        runs.append(settled(plan, by_events(plan, Inputs(drawn.at, drawn.part, drawn.seconds, number, patient))[0]))
    for name, measure, expected in (("given up", loss, 0.1039132123), ("P(wait)", p_wait, 0.6196552309)):
        yield Row("Erlang A, 10/s, 1 s, patience 2 s", name, expected, [measure(run) for run in runs])


def prioritised(arrivals: int) -> Iterator[Row]:
    parts = (("high", 0.25, 0.0511475), ("normal", 0.375, 0.1022950), ("low", 0.375, 0.4091802))
    mix = [{"priority": name, "share": share} for name, share, _ in parts]
    plan = the_plan(8, 1, 10, arrivals, queue={"discipline": "priority"}, mix=mix)
    runs = [once(plan, number)[0] for number in range(REPLICATIONS)]
    for part, (name, _, expected) in enumerate(parts):
        got = [mean_wait(settled(plan, run, part)) for run in runs]
        yield Row("Cobham, 2 + 3 + 3/s, 1 s", f"mean wait of {name}, s", expected, got)


def transient(replications: int = 1000) -> Iterator[Row]:
    spike = {"at_seconds": 30, "duration_seconds": 20, "rate_per_second": 20}
    traffic = {"baseline_per_second": 5, "duration_seconds": 120, "spikes": [spike]}
    plan = a_plan(traffic=traffic, queue={"admission": "capacity", "capacity": 60})
    runs = [once(plan, number) for number in range(replications)]
    queue = "M(t)/M/10, 60 places, 5 → 20 → 5/s"
    blocked = [float(sum(end is End.REJECTED for end in requests.end)) for requests, _ in runs]
    yield Row(queue, "rejected", 138.190, blocked)
    for at, expected in ((40, 58.929), (55, 33.334), (60, 10.124)):
        yield Row(queue, f"waiting at {at} s", expected, [run.series.depth[at - 1] for _, run in runs])


@click.command(help="Theory and simulator, beside each other.")
@click.option("--arrivals", default=100_000, show_default=True, help="In each of the replications.")
def main(arrivals: int) -> None:
    click.echo("| queue | value | in theory | simulated | ± (95 %) |")
    click.echo("|---|---|---|---|---|")
    for made in (steady(arrivals), relaxed(), impatient(arrivals), prioritised(arrivals), transient()):
        for row in made:
            low, high = interval_95(row.got)
            half = f"{(high - low) / 2:.2g}"
            click.echo(f"| {row.queue} | {row.value} | {row.expected:.5g} | {fmean(row.got):.5g} | {half} |")


if __name__ == "__main__":
    main()
