import pytest
from hypothesis import given
from hypothesis import strategies as some

from scenario import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (7, "7"),
        (12.34, "12.3"),
        (0.02691, "0.0269"),
        (302_229, "302,229"),
        (-4.25, "−4.25"),
        (1234.5, "1,234"),
    ],
)
def test_a_number_has_three_digits(value: float, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(45.41, "45.4 s"), (0.25, "250 ms"), (0.00042, "0.42 ms"), (0, "0 s"), (1e-9, "0 s"), (-0.2, "−200 ms")],
)
def test_seconds_are_milliseconds_where_they_are_few(value: float, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.2691, "26.9 %"), (1, "100 %"), (0, "0 %"), (0.9997, "99.97 %"), (0.99, "99 %")]
)
def test_a_share_is_in_per_cent(value: float, said: str) -> None:
    assert words.share(value) == said


@given(some.floats(0, 1, exclude_max=True))
def test_what_is_not_all_is_never_said_to_be(value: float) -> None:
    assert words.share(value) != "100 %" or value > 1 - 1e-12


@pytest.mark.parametrize(
    ("part", "said"), [(0.0525, "+5.2 %"), (-0.161, "−16.1 %"), (1e-7, "0.0 %"), (-1e-7, "0.0 %"), (12, "+1,200.0 %")]
)
def test_a_change_has_its_sign_unless_it_is_none(part: float, said: str) -> None:
    assert words.change(part) == said


def test_things_are_listed_as_in_a_sentence() -> None:
    assert [words.listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_spells_bear_short_interruptions() -> None:
    at = [float(second) for second in range(10)]
    held = [second in (2, 3, 5, 9) for second in range(10)]
    assert words.spells(at, held) == [(2, 5), (9, 9)]
    assert words.when(words.spells(at, held)) == "from 2 s to 5 s and at 9 s"


def test_many_spells_are_counted_instead() -> None:
    assert words.when([(0, 10), (20, 30), (40, 50), (60, 61)]) == "4 times between 0 s and 61 s, 31 s in all"


@given(some.lists(some.booleans(), max_size=400))
def test_whatever_held_is_within_a_spell(held: list[bool]) -> None:
    at = [float(second) for second in range(len(held))]
    found = words.spells(at, held)
    for second, holds in zip(at, held, strict=True):
        if holds:
            assert any(start <= second <= end for start, end in found)
    assert all(held[int(start)] and held[int(end)] for start, end in found)
