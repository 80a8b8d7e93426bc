"""Preferences, RFC 7240: clamped or passed over, never an error."""

import httpx
import pytest

from tests.contract.calls import ECHO, HI, submitted

pytestmark = pytest.mark.anyio


def applied(answer: httpx.Response) -> set[str]:
    assert answer.status_code in (200, 202), answer.text
    return set(answer.headers.get("preference-applied", "").split(", ")) - {""}


@pytest.mark.parametrize(
    ("prefer", "effective"),
    [
        ("respond-async", {"respond-async"}),
        ("Respond-Async", {"respond-async"}),
        ("wait=0.1", {"wait=0.1"}),
        ("wait=0", {"wait=0"}),
        ("WAIT=0.1", {"wait=0.1"}),
        ("wait = 0.1", {"wait=0.1"}),
        ('wait="0.1"', {"wait=0.1"}),
        ("wait=00.100", {"wait=0.1"}),
        ("wait=0.1; foo=bar", {"wait=0.1"}),
        ("return=minimal; foo=1, wait=0.1", {"wait=0.1"}),
        ("respond-async, wait=0.1", {"respond-async", "wait=0.1"}),
        ("respond-async,wait=0.1,", {"respond-async", "wait=0.1"}),
        ("wait=0.1, wait=20", {"wait=0.1"}),
    ],
)
async def test_a_preference_is_applied_in_every_form(api: httpx.AsyncClient, prefer: str, effective: set[str]) -> None:
    assert applied(await api.post(ECHO, json=HI, headers={"Prefer": prefer})) == effective


@pytest.mark.parametrize(
    "prefer",
    [
        "",
        "handling=lenient",
        "wait",
        "wait=",
        "wait=abc",
        "wait=-1",
        "wait=1e1",
        "wait=NaN",
        "wait=inf",
        "waiting=5",
        "=5",
        ", ;,=,",
        '"wait=5"',
        'foo="a, wait=5"',
        'foo; bar="a, wait=5"',
        'foo="a\\", wait=5"',
        'wait="5',
    ],
)
async def test_what_is_no_preference_of_ours_is_passed_over(api: httpx.AsyncClient, prefer: str) -> None:
    assert applied(await api.post(ECHO, json=HI, headers={"Prefer": prefer})) == set()


@pytest.mark.parametrize("seconds", ["31", "99999999999999", "9" * 500, "30.0000001"])
async def test_a_longer_wait_is_clamped_to_30_seconds(api: httpx.AsyncClient, mock: object, seconds: str) -> None:
    answer = await api.post(ECHO, json=HI, headers={"Prefer": f"wait={seconds}"})
    assert (answer.status_code, applied(answer)) == (200, {"wait=30"})


async def test_two_header_lines_are_one_list(api: httpx.AsyncClient) -> None:
    lines = [("Prefer", "respond-async"), ("Prefer", "wait=0.1")]
    assert applied(await api.post(ECHO, json=HI, headers=lines)) == {"respond-async", "wait=0.1"}


async def test_the_shortest_wait_is_no_number_with_an_exponent(api: httpx.AsyncClient) -> None:
    answer = await api.post(ECHO, json=HI, headers={"Prefer": "wait=0.0000001"})
    assert "e" not in answer.headers["preference-applied"]


@pytest.mark.parametrize(("query", "prefer", "effective"), [
    ("?wait=0.1", None, {"wait=0.1"}),
    ("?wait=99999999999", None, {"wait=30"}),
    ("?wait=20", "wait=0.1", {"wait=0.1"}),
    ("?wait=abc", None, set()),
    ("?wait=", None, set()),
    ("?wait=%D9%A5", None, set()),
])  # fmt: skip
async def test_a_poll_may_say_it_in_the_query(
    api: httpx.AsyncClient, mock: object, query: str, prefer: str | None, effective: set[str]
) -> None:
    job = await submitted(api)
    headers = {"Prefer": prefer} if prefer else {}
    assert applied(await api.get(f"/v1/jobs/{job['id']}{query}", headers=headers)) == effective
