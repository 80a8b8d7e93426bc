"""How calls to a service with a rate are spaced."""

from hypothesis import given
from hypothesis import strategies as some

from bff.policies.pace import burst_us, interval_us

JITTER_US = 10_000
SECOND_US = 1_000_000


def test_without_a_rate_nothing_is_spaced() -> None:
    assert interval_us(0) == 0
    assert burst_us(0) == 0


def test_a_slow_service_gets_one_call_at_a_time_and_a_fast_one_a_few() -> None:
    assert (interval_us(2), burst_us(interval_us(2))) == (515_000, 0)
    assert (interval_us(1000), burst_us(interval_us(1000))) == (1_030, 18_970)


@given(rate=some.integers(1, 1_000_000))
def test_a_burst_and_jitter_stay_below_the_rate_in_any_second(rate: int) -> None:
    interval = interval_us(rate)
    starts = (SECOND_US + JITTER_US + burst_us(interval)) // interval + 1
    assert starts <= rate
