"""Who is served asynchronously while an operation is moved, share by share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.policies.rollout import WHOLE, is_async, share_of

SUBJECTS = [f"public\0user-{number}" for number in range(20_000)]
shares = st.integers(0, WHOLE)


@pytest.mark.parametrize("percent", [0.0, 0.5, 5.0, 25.0, 50.0, 99.99, 100.0])
def test_as_many_are_moved_as_the_share_says(percent: float) -> None:
    moved = sum(is_async("checkout", subject, share_of(percent)) for subject in SUBJECTS)
    assert abs(moved / len(SUBJECTS) - percent / 100) < 0.01
    if percent in (0, 100):
        assert moved == len(SUBJECTS) * percent / 100


@given(subject=st.text(), share=shares, more=shares)
def test_who_is_moved_stays_moved_as_the_share_grows(subject: str, share: int, more: int) -> None:
    less, more = sorted((share, more))
    assert is_async("echo", subject, less) <= is_async("echo", subject, more)


def test_another_operation_moves_others_first() -> None:
    first = {name: {s for s in SUBJECTS if is_async(name, s, share_of(10))} for name in ("echo", "report")}
    both = len(first["echo"] & first["report"]) / len(SUBJECTS)
    assert 0.005 < both < 0.02  # a tenth of a tenth: by chance, not the same


@pytest.mark.parametrize("percent", [-0.01, 100.01, float("nan"), float("inf")])
def test_a_share_that_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="not a percentage from 0 to 100"):
        share_of(percent)
