"""What is sought is found wherever it lies, and not looked at more often than a bisection must."""

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.planner.search import FINE, greatest, least

SAME = settings(deadline=None, derandomize=True)


@SAME
@given(edge=st.integers(1, 5_000), guess=st.integers(-5, 9_000), most=st.integers(5_000, 9_000))
def test_the_least_that_will_do_is_found_whatever_was_guessed(edge: int, guess: int, most: int) -> None:
    found = least(lambda number: number >= edge, guess, most)
    assert found is not None
    assert edge <= found <= edge + edge // FINE


@SAME
@given(guess=st.integers(1, 500), most=st.integers(1, 500))
def test_nothing_is_found_where_the_most_will_not_do(guess: int, most: int) -> None:
    assert least(lambda number: number > most, guess, most) is None


@SAME
@given(edge=st.floats(0.26, 3.9), guess=st.just(1.0))
def test_the_greatest_that_will_do_is_found_to_two_in_a_thousand(edge: float, guess: float) -> None:
    found = greatest(lambda number: number <= edge, guess)
    assert found is not None
    assert edge * 0.997 < found <= edge


def test_nothing_is_found_where_not_even_a_quarter_will_do() -> None:
    assert greatest(lambda number: number < 0.2, 1.0) is None


def test_a_good_guess_saves_most_of_the_looking() -> None:
    looked: list[int] = []

    def will_do(number: int) -> bool:
        looked.append(number)
        return number >= 380

    assert least(will_do, 379, 2_000) in (380, 381, 382)
    assert len(looked) <= 6
