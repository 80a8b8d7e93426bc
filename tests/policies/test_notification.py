import pytest

from bff.policies.notification import next_delay_ms

DAY_MS = 86_400_000


def all_delays(random: float) -> list[int]:
    delays: list[int] = []
    while (delay := next_delay_ms(len(delays) + 1, None, lambda: random)) is not None:
        delays.append(delay)
    return delays


def test_eleven_attempts_within_a_day_and_over_half_of_one_at_least() -> None:
    assert len(all_delays(0)) == 10
    assert DAY_MS / 2 - 600_000 < sum(all_delays(0.999)) < sum(all_delays(0)) < DAY_MS


def test_the_first_repetition_comes_within_seconds() -> None:
    assert all_delays(0)[0] == 5_000
    assert all_delays(0.999)[0] >= 2_500


@pytest.mark.parametrize(
    ("retry_after_ms", "waited_ms"), [(None, 5_000), (0, 5_000), (60_000, 60_000), (10**9, 3_600_000)]
)
def test_the_receiver_says_when_up_to_an_hour(retry_after_ms: int | None, waited_ms: int) -> None:
    assert next_delay_ms(1, retry_after_ms, lambda: 0) == waited_ms


def test_the_last_attempt_is_the_last_whatever_the_receiver_says() -> None:
    assert next_delay_ms(11, 1_000, lambda: 0) is None
