from random import Random
from statistics import fmean, pstdev

import pytest

from downstream_mock.behaviour import Draws, Fault, draw_fault, draw_latency_seconds
from downstream_mock.steering import DEFAULTS, Distribution, Latency, changed

ECHO = DEFAULTS["echo"]


@pytest.mark.parametrize(
    ("distribution", "cv", "expected_cv"),
    [
        (Distribution.CONSTANT, 1.0, 0.0),
        (Distribution.EXPONENTIAL, 0.2, 1.0),
        (Distribution.LOGNORMAL, 0.5, 0.5),
        (Distribution.LOGNORMAL, 0.0, 0.0),
        (Distribution.GAMMA, 0.5, 0.5),
        (Distribution.GAMMA, 1.5, 1.5),
        (Distribution.GAMMA, 0.0, 0.0),
    ],
)
def test_latencies_have_the_mean_and_the_deviation_that_were_asked_for(
    distribution: Distribution, cv: float, expected_cv: float
) -> None:
    latency = Latency(distribution=distribution, mean_seconds=0.8, cv=cv)
    rng = Random(1)
    drawn = [draw_latency_seconds(latency, rng) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(0.8, rel=0.03)
    assert pstdev(drawn) / fmean(drawn) == pytest.approx(expected_cv, rel=0.05, abs=1e-6)


@pytest.mark.parametrize("distribution", Distribution)
def test_a_mean_of_zero_takes_no_time_whatever_the_distribution(distribution: Distribution) -> None:
    assert draw_latency_seconds(Latency(distribution=distribution, mean_seconds=0), Random(1)) == 0


def test_each_fault_meets_its_share_of_the_calls() -> None:
    shares = {Fault.RESET: 0.05, Fault.HANG: 0.1, Fault.GARBAGE: 0.15, Fault.DRIP: 0.2, Fault.ERROR: 0.25}
    settings = changed(ECHO, {f"{fault}_rate": share for fault, share in shares.items()})
    rng = Random(1)
    drawn = [draw_fault(settings, rng) for _ in range(20_000)]
    for fault, share in shares.items():
        assert drawn.count(fault) / 20_000 == pytest.approx(share, abs=0.01)
    assert drawn.count(None) / 20_000 == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("fault", Fault)
def test_a_share_of_one_is_every_call(fault: Fault) -> None:
    settings = changed(ECHO, {f"{fault}_rate": 1})
    rng = Random(1)
    assert {draw_fault(settings, rng) for _ in range(1000)} == {fault}


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    latency = DEFAULTS["payments"].latency

    def ten(draws: Draws) -> list[float]:
        return [draws.latency_seconds(latency) for _ in range(10)]

    assert ten(Draws("payments", 1)) == ten(Draws("payments", 1))
    assert ten(Draws("payments", 1)) != ten(Draws("payments", 2))
    assert ten(Draws("payments", 1)) != ten(Draws("history", 1))


def test_steering_the_latency_leaves_the_sequence_of_faults() -> None:
    settings = changed(ECHO, {"error_rate": 0.5})

    def faults(latency: Latency) -> list[Fault | None]:
        draws = Draws("echo", 1)
        return [(draws.latency_seconds(latency), draws.fault(settings))[1] for _ in range(50)]

    assert faults(ECHO.latency) == faults(DEFAULTS["reports"].latency)
