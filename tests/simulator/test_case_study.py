"""The flash sale as stated, and the rules of thumb for a rectangular spike."""

import pytest

from scenario.reading import read_scenario
from scenario.result import Figures, Source
from scenario.stage import stage_of
from scenario.tally import figures
from simulator.engine.plan import plan_of
from simulator.replications import once
from simulator.theory import fluid
from tests.simulator.stages import CATALOG, a_plan


@pytest.fixture(scope="module")
def flash_sale() -> Figures:
    scenario = read_scenario("flash-sale", CATALOG)
    return figures(scenario, Source.SIMULATION, *once(plan_of(stage_of(scenario, CATALOG))))


def test_what_became_of_the_spike(flash_sale: Figures) -> None:
    shares = flash_sale.spike["shares"]
    assert shares["succeeded"] == pytest.approx(0.269, abs=0.004)
    assert shares["expired"] == pytest.approx(0.407, abs=0.006)
    assert shares["rejected"] == pytest.approx(0.324, abs=0.006)
    assert sum(shares.values()) == pytest.approx(1)


def test_when_it_went_wrong(flash_sale: Figures) -> None:
    assert flash_sale.first_rejection_seconds == pytest.approx(40, abs=1)
    assert flash_sale.first_expiry_seconds == pytest.approx(60, abs=1)
    assert flash_sale.peak_depth == 15_000
    assert flash_sale.drain_seconds == pytest.approx(48.8, abs=0.5)


def test_how_long_it_took_who_was_served(flash_sale: Figures) -> None:
    """A tenth of a second more than the wait and the payment alone: stock and order."""
    result = flash_sale.result_seconds
    assert (result.p50, result.p95, result.p99) == pytest.approx((45.4, 47.3, 48.5), abs=0.3)


def test_the_rules_of_thumb() -> None:
    """Of 40/s on 12.5/s with a TTL of 20 s, over 2/s, and places for all that can be served in time, and more."""
    spike, base, capacity, ttl = 40.0, 2.0, 12.5, 20.0
    plan = a_plan(
        servers=10,
        time={"mean_seconds": 0.8},
        traffic={
            "baseline_per_second": base,
            "duration_seconds": 160,
            "spikes": [{"at_seconds": 10, "duration_seconds": 100, "rate_per_second": spike}],
        },
        queue={"ttl_seconds": ttl, "admission": "none"},
    )
    _, run = once(plan)
    assert run.first_expiry_at == pytest.approx(10 + fluid.first_expiry_seconds(spike, capacity, ttl), rel=0.1)
    assert run.emptied_at is not None
    assert run.emptied_at - 110 <= 1.15 * fluid.longest_drain_seconds(base, capacity, ttl)
    assert max(run.series.oldest_age) <= ttl
    assert run.peak_depth > fluid.useful_depth(capacity, ttl)
