"""Simulated queues against theory: each row of what is known, and other values by formula.

A value is to lie within 1.5 times the 95 % interval of a few replications: of forty such checks, two would lie outside
of the interval itself.
"""

from collections.abc import Callable, Iterable
from math import isnan
from statistics import fmean
from typing import Any

import pytest

from scenario.chance import Stream, exponential, stream
from scenario.result import End
from scenario.tally import Requests
from simulator.engine.events import by_events
from simulator.engine.inputs import Inputs, inputs_of
from simulator.engine.plan import Plan
from simulator.replications import once
from simulator.student import interval_95
from simulator.theory import deterministic, formulas
from tests.simulator.stages import a_plan

REPLICATIONS = 12
Measure = Callable[[list[tuple[float, End]]], float]


def p_wait(rows: list[tuple[float, End]]) -> float:
    """Of all; who left unserved had waited."""
    return fmean(isnan(wait) or wait > 0 for wait, _ in rows)


def mean_wait(rows: list[tuple[float, End]]) -> float:
    return fmean(wait for wait, _ in rows if not isnan(wait))


def beyond(seconds: float) -> Measure:
    """Share of those whose wait is longer; a quantile of a short run is not that of a long one, on average, this is."""
    return lambda rows: fmean(wait > seconds for wait, _ in rows)


def loss(rows: list[tuple[float, End]]) -> float:
    return fmean(end is not End.SUCCEEDED for _, end in rows)


def settled(plan: Plan, requests: Requests, part: int | None = None) -> list[tuple[float, End]]:
    """Waits and ends of who came after the warm-up."""
    warm = plan.stage.scenario.traffic.warmup_seconds
    rows = zip(requests.at, requests.part, requests.wait, requests.end, strict=True)
    return [(wait, end) for at, its, wait, end in rows if at >= warm and part in (None, its)]


def the_plan(per_second: float, mean: float, servers: int, arrivals: int, **more: Any) -> Plan:
    """So many arrivals in each replication, after a warm-up of a quarter of that."""
    seconds = arrivals / per_second
    traffic = {
        "baseline_per_second": per_second,
        "duration_seconds": 1.25 * seconds,
        "warmup_seconds": 0.25 * seconds,
    }
    time = {"mean_seconds": mean, **more.pop("time", {})}
    return a_plan(traffic=traffic, time=time, servers=servers, **more)


def assert_theory(samples: Iterable[float], value: float) -> None:
    values = list(samples)
    low, high = interval_95(values)
    mean, half = fmean(values), (high - low) / 2
    assert abs(mean - value) <= 1.5 * half, f"{mean:.6g} ± {half:.2g}, not {value:.6g}"
    assert half < 2 * value, "the interval is too wide to say anything"


def check(plan: Plan, wanted: dict[Measure, float], replications: int = REPLICATIONS) -> None:
    runs = [settled(plan, once(plan, number)[0]) for number in range(replications)]
    for measure, value in wanted.items():
        assert_theory((measure(rows) for rows in runs), value)


def mmc(per_second: float, mean: float, servers: int) -> dict[Measure, float]:
    return {
        p_wait: formulas.erlang_c(per_second, mean, servers),
        mean_wait: formulas.mmc_wait_seconds(per_second, mean, servers),
        beyond(formulas.mmc_wait_quantile_seconds(per_second, mean, servers, 0.95)): 0.05,
        beyond(formulas.mmc_wait_quantile_seconds(per_second, mean, servers, 0.99)): 0.01,
    }


@pytest.mark.parametrize(
    ("case", "arrivals", "wanted"),
    [
        (
            (8, 1, 10),
            6000,
            {p_wait: 0.4091801508, mean_wait: 0.2045900754, beyond(1.05106626): 0.05, beyond(1.855785216): 0.01},
        ),
        ((3, 0.5, 2), 6000, mmc(3, 0.5, 2)),
        ((14, 0.4, 8), 6000, mmc(14, 0.4, 8)),
    ],
)
def test_m_m_c(case: tuple[float, float, int], arrivals: int, wanted: dict[Measure, float]) -> None:
    check(the_plan(*case, arrivals), wanted)


def test_m_m_c_that_is_large_and_nearly_full() -> None:
    """It forgets in 12 s; a wait that only one of a hundred exceeds comes in spells, so the replications are long."""
    wanted = {p_wait: 0.5064568539, mean_wait: 0.08103309663, beyond(0.6279766468): 0.01}
    check(the_plan(118.75, 0.8, 100, 40_000), wanted, replications=10)


def mdc(per_second: float, mean: float, servers: int) -> dict[Measure, float]:
    return {
        mean_wait: deterministic.wait_seconds(per_second, mean, servers),
        p_wait: deterministic.p_wait(per_second, mean, servers),
    }


@pytest.mark.parametrize(
    ("case", "arrivals", "wanted"),
    [
        ((0.8, 1, 1), 12_000, {mean_wait: 2.0, beyond(6.620325): 0.05, beyond(10.355887): 0.01}),
        ((8, 1, 10), 6000, {mean_wait: 0.10982779, p_wait: 0.38471739}),
        (
            (5, 0.5, 3),
            6000,
            {mean_wait: deterministic.wait_seconds(5, 0.5, 3), p_wait: deterministic.p_wait(5, 0.5, 3)},
        ),
    ],
)
def test_m_d_c(case: tuple[float, float, int], arrivals: int, wanted: dict[Measure, float]) -> None:
    check(the_plan(*case, arrivals, time={"distribution": "constant"}), wanted)


def mmcd(per_second: float, mean: float, servers: int, ttl: float) -> dict[Measure, float]:
    known = formulas.mmcd(per_second, mean, servers, ttl)
    return {loss: known.loss, mean_wait: known.wait_seconds}


@pytest.mark.parametrize(
    ("case", "ttl", "arrivals", "wanted"),
    [
        ((8, 1, 10), 1, 6000, {loss: 0.01158869555, mean_wait: 0.1286494667}),
        ((12, 1, 10), 2, 6000, {loss: 0.1680455071, mean_wait: 1.524165043}),
        ((9, 0.4, 4), 0.7, 6000, mmcd(9, 0.4, 4, 0.7)),
    ],
)
def test_m_m_c_with_a_ttl(
    case: tuple[float, float, int], ttl: float, arrivals: int, wanted: dict[Measure, float]
) -> None:
    check(the_plan(*case, arrivals, queue={"ttl_seconds": ttl}), wanted)


def test_m_m_c_with_a_ttl_that_is_long() -> None:
    """It takes 225 s until the first one has waited for so long."""
    plan = a_plan(
        traffic={"baseline_per_second": 150, "duration_seconds": 400, "warmup_seconds": 300},
        time={"mean_seconds": 0.8},
        servers=100,
        queue={"ttl_seconds": 45},
    )
    check(plan, {loss: 1 / 6, mean_wait: 44.96}, replications=4)


@pytest.mark.parametrize(
    ("case", "places", "blocked"),
    [((12, 1, 10), 5, 0.2032608989), ((4, 0.5, 2), 3, formulas.mmcn_blocked(4, 0.5, 2, 5))],
)
def test_m_m_c_n(case: tuple[float, float, int], places: int, blocked: float) -> None:
    check(the_plan(*case, 6000, queue={"admission": "capacity", "capacity": places}), {loss: blocked})


@pytest.mark.parametrize(
    ("case", "patience", "wanted"),
    [
        ((10, 1, 10), 2, {loss: 0.1039132123, p_wait: 0.6196552309}),
        ((7, 0.5, 3), 1, {loss: formulas.erlang_a(7, 0.5, 3, 1).loss, p_wait: formulas.erlang_a(7, 0.5, 3, 1).p_wait}),
    ],
)
def test_erlang_a(case: tuple[float, float, int], patience: float, wanted: dict[Measure, float]) -> None:
    """Each has a patience of its own, exponential: scenarios have one for all, the engine does not mind."""
    plan = the_plan(*case, 3000)
    runs = []
    for number in range(REPLICATIONS):
        drawn, rng = inputs_of(plan, number), stream(1, Stream.CLIENTS, number)
        patient = [exponential(rng, patience) for _ in drawn.at]
        inputs = Inputs(drawn.at, drawn.part, drawn.seconds, number, patient)
        runs.append(settled(plan, by_events(plan, inputs)[0]))
    for measure, value in wanted.items():
        assert_theory((measure(rows) for rows in runs), value)


@pytest.mark.parametrize(
    ("rates", "mean", "servers", "waits"),
    [
        ([2, 3, 3], 1, 10, [0.0511475, 0.1022950, 0.4091802]),
        ([1, 2, 3], 0.5, 4, formulas.cobham_wait_seconds([1, 2, 3], 0.5, 4)),
    ],
)
def test_priorities_that_do_not_interrupt(rates: list[float], mean: float, servers: int, waits: list[float]) -> None:
    """Cobham (1954)."""
    shares = [rate / sum(rates) for rate in rates]
    mix = [{"priority": name, "share": share} for name, share in zip(("high", "normal", "low"), shares, strict=True)]
    plan = the_plan(sum(rates), mean, servers, 6000, queue={"discipline": "priority"}, mix=mix)
    runs = [once(plan, number)[0] for number in range(REPLICATIONS)]
    for part, value in enumerate(waits):
        assert_theory((mean_wait(settled(plan, requests, part)) for requests in runs), value)


def test_a_spike_before_it_has_settled() -> None:
    """M(t)/M/c/N: 5/s, 20/s from 30 to 50 s, 5/s again, 60 places before 10 servers: solved as a chain of states."""
    plan = a_plan(
        traffic={
            "baseline_per_second": 5,
            "duration_seconds": 120,
            "spikes": [{"at_seconds": 30, "duration_seconds": 20, "rate_per_second": 20}],
        },
        queue={"admission": "capacity", "capacity": 60},
    )
    runs = [once(plan, number) for number in range(60)]
    assert_theory((sum(each is End.REJECTED for each in requests.end) for requests, _ in runs), 138.190)
    for at, queue in ((40, 58.929), (55, 33.334), (60, 10.124)):
        assert_theory((run.series.depth[at - 1] for _, run in runs), queue)
