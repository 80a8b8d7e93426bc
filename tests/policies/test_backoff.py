from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bff.policies.backoff import delay_ms

ALMOST_ONE = 1 - 2**-53


def longest(attempt: int) -> int:
    return delay_ms(100, 5_000, attempt, lambda: ALMOST_ONE)


def test_the_longest_delay_doubles_with_each_attempt_up_to_the_maximum() -> None:
    assert [longest(attempt) for attempt in range(1, 9)] == [100, 200, 400, 800, 1600, 3200, 5000, 5000]


def test_the_shortest_delay_is_none_at_all() -> None:
    assert [delay_ms(100, 5_000, attempt, lambda: 0.0) for attempt in (1, 2, 50)] == [0, 0, 0]


def test_delays_are_spread_evenly_over_the_whole_range() -> None:
    random = Random(7).random
    drawn = [delay_ms(100, 5_000, 4, random) for _ in range(8_000)]
    tenths = [sum(low <= delay < low + 80 for delay in drawn) for low in range(0, 800, 80)]
    assert min(tenths) > 650
    assert max(tenths) < 950


@given(
    base=some.integers(1, 60_000),
    more=some.integers(0, 600_000),
    attempt=some.integers(1, 10**9),
    drawn=some.floats(0, 1, exclude_max=True),
)
def test_no_delay_is_negative_or_past_the_maximum(base: int, more: int, attempt: int, drawn: float) -> None:
    assert 0 <= delay_ms(base, base + more, attempt, lambda: drawn) <= base + more


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_are_counted_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="the first one is 1"):
        delay_ms(100, 5_000, attempt, lambda: 0.5)
