from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bff.policies.polling import poll_after_seconds, retry_after_seconds

ALMOST_ONE = 1 - 2**-53


@pytest.mark.parametrize(
    ("age", "expected", "after"),
    [
        (0, 0, 1.0),  # never faster than once a second
        (0, 3, 1.5),  # half of what is expected
        (0, 60, 5.0),  # never slower than every five
        (10, 0, 2.0),  # a fifth of the age, where the estimate was wrong
        (1000, 0, 5.0),
        (10, 8, 4.0),  # the slower of the two
    ],
)
def test_a_poll_comes_when_there_may_be_news(age: float, expected: float, after: float) -> None:
    assert poll_after_seconds(age, expected) == after


@given(age=some.floats(0, 1e6), older=some.floats(0, 1e6), expected=some.floats(0, 1e6))
def test_the_older_a_job_the_slower_it_is_polled(age: float, older: float, expected: float) -> None:
    assert 1.0 <= poll_after_seconds(age, expected) <= poll_after_seconds(age + older, expected) <= 5.0


@given(wait_ms=some.integers(0, 10**9), drawn=some.floats(0, 1, exclude_max=True))
def test_who_was_turned_away_is_told_from_one_second_to_a_minute(wait_ms: int, drawn: float) -> None:
    assert 1 <= retry_after_seconds(wait_ms, lambda: drawn) <= 60


@given(wait_ms=some.integers(0, 60_000), drawn=some.floats(0, 1, exclude_max=True))
def test_nobody_is_told_to_come_before_the_reason_is_gone(wait_ms: int, drawn: float) -> None:
    assert retry_after_seconds(wait_ms, lambda: drawn) * 1000 >= wait_ms


def test_those_turned_away_at_once_come_back_spread_over_half_the_wait_again() -> None:
    assert retry_after_seconds(20_000, lambda: 0.0) == 20
    assert retry_after_seconds(20_000, lambda: ALMOST_ONE) == 30
    random = Random(7).random
    told = [retry_after_seconds(20_000, random) for _ in range(5_000)]
    counts = [told.count(seconds) for seconds in range(21, 31)]
    assert min(counts) > 400
    assert max(counts) < 600
