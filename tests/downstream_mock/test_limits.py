import pytest
from hypothesis import given
from hypothesis import strategies as st

from downstream_mock.limits import StartWindow, TokenBucket

GAPS_SECONDS = st.lists(st.floats(0, 1.5), min_size=1, max_size=60)


def times(gaps_seconds: list[float]) -> list[float]:
    now, at = 1000.0, []
    for gap in gaps_seconds:
        now += gap
        at.append(now)
    return at


def most_in_one_second(starts: list[float]) -> int:
    return max((sum(end - 1.0 < start <= end for start in starts) for end in starts), default=0)


@given(GAPS_SECONDS)
def test_the_window_knows_the_most_starts_of_any_one_second(gaps_seconds: list[float]) -> None:
    window = StartWindow()
    starts = times(gaps_seconds)
    for start in starts:
        window.add(start)
    assert window.most == most_in_one_second(starts)


def test_a_start_one_second_ago_is_outside_the_window() -> None:
    window = StartWindow()
    window.add(10.0)
    window.add(11.0)
    assert window.most == 1
    window.add(11.5)
    assert window.most == 2


@given(GAPS_SECONDS, st.sampled_from([0.5, 1, 3, 25]))
def test_no_second_sees_more_starts_than_the_rate_and_a_tenth_of_it(gaps_seconds: list[float], rate: float) -> None:
    bucket = TokenBucket(rate, now=1000.0)
    started = [at for at in times(gaps_seconds) if bucket.take(at)]
    assert most_in_one_second(started) <= rate + max(1, rate / 10) + 1e-6


def test_a_full_bucket_gives_a_tenth_of_a_second_at_once_and_then_the_rate() -> None:
    bucket = TokenBucket(100, now=0.0)
    assert [bucket.take(0.0) for _ in range(11)] == [True] * 10 + [False]
    taken = sum(bucket.take(tick / 1000) for tick in range(1, 1001))
    assert taken == pytest.approx(100, abs=1)


def test_a_slow_rate_still_starts_one() -> None:
    bucket = TokenBucket(0.5, now=0.0)
    assert bucket.take(0.0)
    assert not bucket.take(1.9)
    assert bucket.take(2.0)


def test_rate_zero_is_no_limit() -> None:
    bucket = TokenBucket(0, now=0.0)
    assert all(bucket.take(0.0) for _ in range(1000))
