from typing import Any

import pytest
from pydantic import ValidationError

from downstream_mock.endpoints import ENDPOINTS
from downstream_mock.steering import DEFAULTS, Distribution, changed

PAYMENTS = DEFAULTS["payments"]


def test_every_service_has_endpoints_and_defaults() -> None:
    assert ENDPOINTS.keys() == DEFAULTS.keys()


def test_what_a_change_leaves_out_stays_within_latency_too() -> None:
    settings = changed(PAYMENTS, {"latency": {"mean_seconds": 2}, "error_rate": 0.1})
    assert settings.latency.distribution is Distribution.EXPONENTIAL
    assert settings.latency.mean_seconds == 2
    assert (settings.max_concurrency, settings.error_rate) == (100, 0.1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"error_rate": 1.1}, "error_rate"),
        ({"error_rate": -0.1}, "error_rate"),
        ({"error_rate": "0.1"}, "error_rate"),
        ({"error_rate": None}, "error_rate"),
        ({"error_rate": float("nan")}, "error_rate"),
        ({"error_status": 200}, "error_status"),
        ({"max_concurrency": 1.5}, "max_concurrency"),
        ({"rate_per_second": -1}, "rate_per_second"),
        ({"retry_after_seconds": float("inf")}, "retry_after_seconds"),
        ({"latency": {"distribution": "uniform"}}, "distribution"),
        ({"latency": {"mean_seconds": -1}}, "mean_seconds"),
        ({"latency": {"mean": 1}}, "mean"),
        ({"latency": None}, "latency"),
        ({"speed": 1}, "speed"),
        ({"hang_rate": 0.6, "drip_rate": 0.6}, "add up to 1.2"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        changed(PAYMENTS, change)


def test_shares_that_make_one_in_decimals_are_taken() -> None:
    assert changed(PAYMENTS, {"error_rate": 0.7, "hang_rate": 0.2, "drip_rate": 0.1}).error_rate == 0.7
