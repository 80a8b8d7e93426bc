"""The shape of a result: what the format's page shows, and the same whether it is kept or read back."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scenario.model import Slo
from scenario.result import (
    End,
    Figures,
    Percentiles,
    Threshold,
    figures_from_json,
    percentile,
    percentiles,
    shares_of,
    thresholds,
)
from tests.scenario.played import a_stage, some_figures

SPECIFIED = """
{"scenario": "flash-sale", "source": "simulation", "replications": 30,
 "offered": 300000, "accepted": 0,
 "shares": {"succeeded": 0.27, "expired": 0.41, "rejected": 0.32, "failed": 0, "timed_out": 0, "lost": 0},
 "peak_depth": 15000, "first_rejection_seconds": 40.2, "first_expiry_seconds": 60.2, "drain_seconds": 48.8,
 "utilisation": 0.99, "goodput_per_second": 125.0,
 "accept_seconds": {"p50": 0, "p95": 0, "p99": 0}, "wait_seconds": {"mean": 0, "p50": 0, "p95": 0, "p99": 0},
 "result_seconds": {"p50": 45.4, "p95": 47.3, "p99": 48.5},
 "spike": {"shares": {}}, "by_priority": {}, "interval_95": {"peak_depth": [14999, 15000]},
 "slo": [{"name": "success_share", "wanted": 0.997, "got": 0.27, "met": false}],
 "series": {"seconds": [], "depth": [], "oldest_age": [], "arrived": [], "accepted": [], "served": [],
            "expired": [], "rejected": []}}
"""


def shape(value: Any) -> Any:
    """Keys, down to the leaves."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def lacking(wanted: Any, got: Any, at: str = "") -> list[str]:
    if isinstance(wanted, dict):
        missing = [f"{at}.{key}" for key in wanted if key not in got]
        return missing + [
            each for key in wanted if key in got for each in lacking(wanted[key], got[key], f"{at}.{key}")
        ]
    if isinstance(wanted, list) and wanted:
        return lacking(wanted[0], got[0], f"{at}[]")
    return []


def test_a_result_has_every_key_that_the_format_names() -> None:
    document = some_figures(a_stage(), interval_95={"peak_depth": (399.0, 400.0)}).to_json()
    assert lacking(shape(json.loads(SPECIFIED)), document) == []


def test_it_goes_through_json_and_comes_back_the_same() -> None:
    mix = [{"priority": priority, "share": 0.5} for priority in ("high", "low")]
    stage = a_stage(traffic={"baseline_per_second": 5, "duration_seconds": 60, "mix": mix})
    figures = some_figures(stage, interval_95={"peak_depth": (399.0, 400.0)}, load={"valid": True, "reasons": []})
    read = figures_from_json(json.dumps(figures.to_json()))
    assert read == figures
    assert isinstance(read.by_priority["high"]["wait_seconds"], Percentiles)


def test_a_simulation_has_nothing_of_a_load_run() -> None:
    assert "load" not in some_figures(a_stage()).to_json()


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"scenario": "s"}', "null", "[" * 5000])
def test_what_is_no_result_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="no result of bff load or bff simulate: "):
        figures_from_json(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"offered": "<b>"}, "offered: Input should be a valid number"),
        ({"offered": float("nan")}, "NaN is no JSON"),
        ({"shares": {"succeeded": 1}}, "there is no share of expired"),
        ({"series": {"depth": ["x"]}}, "series.depth.0: Input should be a valid number"),
        ({"slo": [{"name": "x", "wanted": [], "got": 1, "met": True}]}, "slo.0.wanted: Input should be a valid number"),
        ({"load": 7}, "load: Input should be a valid dictionary"),
        ({"by_priority": {"high": {"shares": {}}}}, "there is no share of succeeded"),
    ],
)
def test_a_result_in_which_something_is_of_another_kind_is_refused(change: dict[str, Any], said: str) -> None:
    document = some_figures(a_stage()).to_json() | change
    with pytest.raises(ValueError, match=said):
        figures_from_json(json.dumps(document))


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.2, 1), (0.21, 2), (0.5, 3), (0.95, 5), (1.0, 5)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile([1, 2, 3, 4, 5], share) == value


def test_of_nothing_there_are_no_percentiles() -> None:
    assert percentile([], 0.5) == 0
    assert percentiles([]) == Percentiles()


@given(some.lists(some.floats(0, 1e6), min_size=1, max_size=200))
def test_percentiles_are_values_that_were_measured_in_order(values: list[float]) -> None:
    found = percentiles(values)
    assert {found.p50, found.p95, found.p99} <= set(values)
    assert found.p50 <= found.p95 <= found.p99 <= max(values)
    assert min(values) <= found.mean * (1 + 1e-12)
    for limit, share in ((found.p50, 0.5), (found.p95, 0.95), (found.p99, 0.99)):
        assert sum(value <= limit for value in values) >= share * len(values) - 1e-9


def test_shares_are_of_all_and_add_up_to_one() -> None:
    shares = shares_of({End.SUCCEEDED: 1, End.EXPIRED: 1, End.LOST: 1})
    assert list(shares) == [end.value for end in End]
    assert shares["expired"] == 1 / 3
    assert math.fsum(shares.values()) == 1
    assert set(shares_of({}).values()) == {0.0}


def test_a_share_is_to_be_reached_and_seconds_are_not_to_be_exceeded() -> None:
    slo = Slo(success_share=0.9, accept_p99_seconds=0.25, result_p95_seconds=10)
    got = {"success_share": 0.9, "accept_p99_seconds": 0.25, "result_p95_seconds": 10.0, "drain_seconds": 99.0}
    assert all(each.met for each in thresholds(slo, got))
    worse = {"success_share": 0.8999, "accept_p99_seconds": 0.2501, "result_p95_seconds": 10.01}
    assert thresholds(slo, worse) == [
        Threshold("success_share", 0.9, 0.8999, False),
        Threshold("accept_p99_seconds", 0.25, 0.2501, False),
        Threshold("result_p95_seconds", 10, 10.01, False),
    ]


def test_what_there_was_nothing_to_measure_of_is_not_met() -> None:
    [threshold] = thresholds(Slo(drain_seconds=5), {"drain_seconds": None})
    assert (threshold.got, threshold.met) == (None, False)


def test_a_run_meets_its_objective_where_it_meets_every_threshold() -> None:
    stage = a_stage()
    figures: Figures = some_figures(stage)
    assert not figures.met
    assert some_figures(a_stage(slo={"success_share": 0.6})).met
    assert some_figures(a_stage(slo={})).met
