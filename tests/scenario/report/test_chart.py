"""Scales, ticks and paths: what a chart may rely on, whatever is drawn."""

import re
from itertools import pairwise
from math import floor, isclose, log10

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scenario.report.chart import (
    Scale,
    averages,
    bucketed,
    decades,
    nines,
    path,
    rareness,
    spread,
    thinned,
    ticks,
    ticks_within,
)

numbers = some.floats(-1e9, 1e9, allow_nan=False)
positive = some.floats(1e-6, 1e6)
series = some.lists(some.floats(0, 1e6), min_size=1, max_size=3_000).map(
    lambda ys: [(float(x), y) for x, y in enumerate(ys)]
)


@given(some.floats(-1e4, 1e4), some.floats(0.01, 1e6), some.integers(2, 12))
def test_ticks_enclose_what_is_shown_at_round_numbers_and_even_distances(low: float, size: float, about: int) -> None:
    high = low + size
    found = ticks(low, high, about)
    step = found[1] - found[0]
    assert found[0] <= low + 1e-5 * size
    assert found[-1] >= high - 1e-5 * size
    assert 2 <= len(found) <= about + 2
    mantissa = step / 10 ** floor(log10(step) + 1e-6)
    assert any(isclose(mantissa, round_one, rel_tol=1e-3) for round_one in (1, 2, 5))


@pytest.mark.parametrize(
    ("low", "high", "about", "expected"),
    [
        (0, 500, 5, [0, 100, 200, 300, 400, 500]),
        (0, 560, 5, [0, 200, 400, 600]),
        (0, 0.3, 3, [0, 0.1, 0.2, 0.3]),
        (0, 0, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 15_000, 5, [0, 5_000, 10_000, 15_000]),
    ],
)
def test_ticks_are_what_a_person_would_choose(low: float, high: float, about: int, expected: list[float]) -> None:
    assert ticks(low, high, about) == expected


@given(numbers, positive)
def test_ticks_within_stay_within(low: float, size: float) -> None:
    found = ticks_within(low, low + size)
    assert all(low - 1e-6 * size <= tick <= low + size + 1e-6 * size for tick in found)


@given(positive, some.floats(1, 1e6))
def test_decades_enclose_and_are_at_least_two(low: float, factor: float) -> None:
    found = decades(low, low * factor)
    assert found[0] <= low * (1 + 1e-6)
    assert found[-1] >= low * factor * (1 - 1e-6)
    assert len(found) >= 2
    assert all(isclose(after / before, 10) for before, after in pairwise(found))


@given(numbers, positive, numbers, numbers)
def test_a_scale_keeps_the_order_and_leaves_nothing_outside(low: float, size: float, one: float, other: float) -> None:
    scale = Scale(low, low + size, 66, 746)
    assert 66 <= scale(one) <= 746
    assert scale(min(one, other)) <= scale(max(one, other))
    assert (scale(low), scale(low + size)) == (66, 746)


def test_an_upright_scale_has_its_greatest_value_on_top() -> None:
    scale = Scale(0, 10, 254, 30)
    assert [scale(value) for value in (0, 5, 10, 12)] == [254, 142, 30, 30]


def test_a_logarithmic_scale_has_each_decade_as_wide_as_the_others() -> None:
    scale = Scale(0.001, 10, 0, 400, log10)
    assert [round(scale(value), 6) for value in (0.001, 0.01, 0.1, 1, 10)] == [0, 100, 200, 300, 400]
    assert scale(0) == 0  # which has no logarithm


def test_each_nine_more_is_one_step_of_percentiles() -> None:
    at = [rareness(share) for share in nines(5)]
    assert [round(after - before, 6) for before, after in pairwise(at[1:])] == [1, 1, 1, 1]


@given(series, some.integers(1, 200))
def test_thinning_loses_no_peak_and_changes_no_order(points: list[tuple[float, float]], buckets: int) -> None:
    kept = thinned(points, buckets)
    assert len(kept) <= 4 * buckets
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    assert max(y for _, y in kept) == max(y for _, y in points)
    assert min(y for _, y in kept) == min(y for _, y in points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])


@given(some.integers(1, 40), some.lists(some.integers(0, 1_000), min_size=40, max_size=40))
def test_averages_keep_the_sum(size: int, ys: list[int]) -> None:
    points = [(float(x), float(y)) for x, y in enumerate(ys)]
    kept = averages(points, 40 // size)
    sizes = [bucket.stop - bucket.start for bucket in bucketed(len(points), 40 // size)] if len(kept) < 40 else [1] * 40
    assert isclose(sum(y * n for (_, y), n in zip(kept, sizes, strict=True)), sum(ys), abs_tol=1e-6)


@given(some.integers(0, 5_000), some.integers(1, 500))
def test_buckets_take_each_thing_once(count: int, buckets: int) -> None:
    found = bucketed(count, buckets)
    assert len(found) <= buckets
    assert [index for bucket in found for index in range(bucket.start, bucket.stop)] == list(range(count))


@given(series, some.integers(1, 9), some.floats(0, 1))
def test_markers_lie_on_the_line_and_are_not_many(points: list[tuple[float, float]], count: int, offset: float) -> None:
    found = list(spread(points, count, offset))
    assert set(found) <= set(points)
    assert len(found) <= count + 1


def test_a_path_says_its_coordinates_to_a_tenth() -> None:
    assert path([(0, 1.04), (2.25, 3)]) == "M0 1L2.2 3"
    assert re.fullmatch(r"(?:[ML]\S+ \S+?)+", path([(1, 2), (3, 4)]))
