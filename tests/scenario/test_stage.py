"""What a scenario is played on: its own services as it says, the others as the catalog does and never in the way."""

import json
from typing import Any

import pytest

from bff.catalog.catalog import load_catalog
from bff.catalog.model import Priority
from bff.policies.admission import Admission
from scenario.model import Distribution, Scenario
from scenario.stage import Stage, scaled_catalog, stage_of

CATALOG = load_catalog()
PAYMENTS = {"name": "payments", "max_concurrency": 100, "time": {"mean_seconds": 0.8}}


def a_stage(**changes: Any) -> Stage:
    document = {"traffic": {"baseline_per_second": 10}, "services": [PAYMENTS]} | changes
    return stage_of(Scenario.model_validate_json(json.dumps(document)), CATALOG)


def test_the_bottleneck_is_as_the_scenario_has_it() -> None:
    queue = {"capacity": 500, "shares": {"high": 1.0, "normal": 0.5, "low": 0.25}, "ttl_seconds": 30}
    payments = a_stage(queue=queue | {"admission": "capacity"}).services["payments"]
    assert payments.named
    service = payments.service
    assert (service.max_concurrency, service.capacity, service.expected_seconds) == (100, 500, 0.8)
    assert service.bounds == {Priority.HIGH: 500, Priority.NORMAL: 250, Priority.LOW: 125}
    assert service.max_wait_seconds == dict.fromkeys(Priority, 30)
    assert service.admission is Admission.CAPACITY
    assert service.retry == CATALOG.services["payments"].retry


def test_slow_calls_are_not_cut_off_by_the_catalogs_timeout() -> None:
    exponential = a_stage().services["payments"].service
    assert exponential.timeout_seconds == 13  # 0.8 s · ln 10⁶ is 11.05 s
    quick = a_stage(services=[PAYMENTS | {"time": {"mean_seconds": 0.01}}])
    assert quick.services["payments"].service.timeout_seconds == 10
    slow = a_stage(services=[PAYMENTS | {"time": {"mean_seconds": 100}}])
    assert slow.services["payments"].service.timeout_seconds == 600


def test_services_that_it_does_not_name_are_constant_and_have_room_for_all_that_the_bottlenecks_may_hold() -> None:
    stage = a_stage(queue={"capacity": 30_000, "admission": "none"})
    assert list(stage.services) == ["payments", "inventory", "orders"]
    for name in ("inventory", "orders"):
        other, catalogued = stage.services[name], CATALOG.services[name]
        assert not other.named
        assert (other.time.distribution, other.time.mean_seconds) == (Distribution.CONSTANT, 0.05)
        assert other.error_rate == 0
        assert other.service.capacity >= 30_000 + 100 + other.service.max_concurrency
        assert other.service.max_wait_seconds == catalogued.max_wait_seconds
        assert other.service.admission is Admission.NONE


def test_the_first_that_is_named_is_what_queue_figures_are_of() -> None:
    orders = PAYMENTS | {"name": "orders"}
    assert a_stage(services=[orders, PAYMENTS]).bottleneck.name == "orders"
    assert a_stage(services=[]).bottleneck.name == "payments"  # carries least: 125/s


def test_what_a_service_carries_is_bounded_by_slots_and_rate() -> None:
    assert a_stage().bottleneck.calls_per_second == pytest.approx(125)
    assert a_stage(services=[PAYMENTS | {"rate_per_second": 50}]).bottleneck.calls_per_second == 50
    assert a_stage(services=[PAYMENTS | {"rate_per_second": 500}]).bottleneck.calls_per_second == pytest.approx(125)


def test_a_client_asks_for_what_it_waits_and_for_more_where_the_ttl_is_to_decide_alone() -> None:
    """A slow checkout: stock 0.05, payment 0.8 · ln 20 = 2.397, order 0.05, and two hops of 0.05."""
    rest = 0.05 + 0.05 + 2.3966 + 0.05 + 0.05
    stage = a_stage()
    assert stage.rest_seconds("checkout") == pytest.approx(rest, abs=1e-3)
    assert stage.request_timeout_seconds("checkout") == 60
    longer = a_stage(queue={"ttl_seconds": 80})
    assert longer.request_timeout_seconds("checkout") == pytest.approx(80 + rest + 0.1, abs=1e-3)
    without = a_stage(queue={"ttl_seconds": 0}, clients={"timeout_seconds": 10})
    assert without.request_timeout_seconds("checkout") == 10
    assert without.services["payments"].service.max_wait_seconds == {}


def test_optional_calls_take_no_time_from_those_before_them() -> None:
    mix = [{"operation": "home-screen"}]
    stage = a_stage(services=[], traffic={"baseline_per_second": 1, "mix": mix})
    assert stage.rest_seconds("home-screen") == 0.35
    planned = {call.name: call for call in stage.planned("home-screen")}
    assert (planned["history"].required, planned["history"].fallback) == (False, False)
    assert (planned["recommendations"].required, planned["recommendations"].fallback) == (False, True)


def test_a_catalog_shrinks_with_its_scenario() -> None:
    tenth = scaled_catalog(CATALOG, 0.1).services
    assert (tenth["inventory"].max_concurrency, tenth["inventory"].rate_per_second) == (10, 100)
    assert (tenth["reports"].max_concurrency, tenth["reports"].capacity) == (1, 30)
    assert (tenth["accounts"].inline_concurrency, tenth["echo"].inline_concurrency) == (5, 0)
    assert scaled_catalog(CATALOG, 1e-9).services["accounts"].inline_concurrency == 1
