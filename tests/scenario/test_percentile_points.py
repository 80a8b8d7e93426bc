"""Percentiles into the tail, as far as there is one."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scenario.result import figures_from_json, percentile, percentile_points
from tests.scenario.played import a_stage, some_figures


@pytest.mark.parametrize(("count", "furthest"), [(10, 0.0), (100, 0.9), (1_000, 0.99), (100_000, 0.9999)])
def test_they_go_as_far_as_ten_values_lie_beyond(count: int, furthest: float) -> None:
    *before, last = percentile_points([float(value) for value in range(count)])
    assert before[-1][0] == furthest
    assert last == (1.0, count - 1)


@given(some.lists(some.floats(0, 100), max_size=300))
def test_they_ascend_and_agree_with_the_percentiles(values: list[float]) -> None:
    points = percentile_points(values)
    assert all(one[0] < other[0] and one[1] <= other[1] for one, other in pairwise(points))
    assert all(at == percentile(sorted(values), share) for share, at in points)
    assert bool(points) == bool(values)


def test_a_run_has_them_of_what_was_measured_and_keeps_them_when_written() -> None:
    figures = some_figures(a_stage())
    assert figures.percentile_points["result_seconds"] == [
        (share, 20) for share in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 1)
    ]
    read = figures_from_json(json.dumps(figures.to_json()))
    assert read.percentile_points == figures.percentile_points


def test_a_result_of_before_there_were_any_is_read() -> None:
    document = some_figures(a_stage()).to_json()
    del document["percentile_points"]
    assert figures_from_json(json.dumps(document)).percentile_points == {}
