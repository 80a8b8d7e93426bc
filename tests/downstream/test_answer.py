import pytest

from bff.downstream.answer import retry_after_ms, verdict_of
from bff.downstream.outcome import Verdict

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("verdict", "statuses"),
    [
        (Verdict.SUCCEEDED, [200, 201, 202, 204, 206, 299]),
        (Verdict.REFUSED, [300, 302, 304, 307, 400, 401, 404, 409, 410, 418, 422, 499, 501, 505]),
        (Verdict.PUSHED_BACK, [425, 429, 503]),
        (Verdict.UNKNOWN, [101, 408, 500, 502, 504, 507, 599, 600, 999]),
    ],
)
def test_the_status_says_what_was_done(verdict: Verdict, statuses: list[int]) -> None:
    assert {verdict_of(status) for status in statuses} == {verdict}


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("0", 0),
        ("7", 7_000),
        (" 7 ", 7_000),
        ("3600", 3_600_000),
        ("86400", 3_600_000),
        ("9" * 5_000, 3_600_000),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10_000),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10_000),
        ("Sun Nov  6 08:49:47 1994", 10_000),
        ("Mon, 07 Nov 1994 08:49:37 GMT", 3_600_000),
        ("Sun, 06 Nov 1994 08:49:30 GMT", 0),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped_at_an_hour(value: str, milliseconds: int) -> None:
    assert retry_after_ms({"retry-after": value, "date": DATE}) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-1",
        "1.5",
        "+1",
        "1e3",
        "٣",
        "1 2",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "NaN",
        "\xb2",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
    ],
)
def test_a_malformed_retry_after_is_none_at_all(value: str) -> None:
    assert retry_after_ms({"retry-after": value, "date": DATE}) is None


def test_an_answer_without_retry_after_asks_for_nothing() -> None:
    assert retry_after_ms({}) is None


def test_a_date_is_compared_with_our_clock_where_the_answer_has_no_readable_date() -> None:
    assert retry_after_ms({"retry-after": DATE}) == 0
    assert retry_after_ms({"retry-after": "Wed, 01 Jan 2200 00:00:00 GMT", "date": "today"}) == 3_600_000
