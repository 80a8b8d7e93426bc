"""What a client sends is read in time that grows with its length, not with the square of it: one thread answers all."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message

from gateway.body import FORM, LIMIT_BYTES, body_of, form_of
from gateway.identity import session_of
from gateway.problems import Problem
from gateway.steering import preferences_of

pytestmark = pytest.mark.anyio

LONG = 64_000
"""Characters; time squared is seconds, and minutes for what fits into one read of a connection."""


def request_of(headers: dict[str, str], body: bytes = b"") -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": Headers(headers).raw}, receive)


@contextmanager
def at_once() -> Iterator[None]:
    began = time.thread_time()
    yield
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize("prefer", ["a{}x", "a{}x, wait=3", "a={}x x", "a{}= {}x", '{}"', "a;{};x", "{}=", 'a="{}'])
def test_a_preference_with_long_blanks_takes_no_longer(prefer: str) -> None:
    with at_once():
        preferences_of(Headers({"prefer": prefer.replace("{}", " " * LONG)}))


def test_blanks_around_preferences_are_passed_over_as_ever() -> None:
    found = preferences_of(Headers({"prefer": ' respond-async ; x = 1 ,\twait = "7" ; y'}))
    assert (found.respond_async, found.wait_seconds) == (True, 7)


@pytest.mark.parametrize("parameters", ['; a="{}', "{}", '; charset="{}"'])
async def test_a_content_type_that_is_too_long_to_be_one_is_refused_at_once(parameters: str) -> None:
    content_type = "application/json" + parameters.replace("{}", ";" * LONG)
    with at_once(), pytest.raises(Problem) as refused:
        await body_of(request_of({"content-type": content_type}))
    assert refused.value.type.status == 415


@pytest.mark.parametrize("cookie", ['bff_session="{}"', "{}", "bff_session={}", ";{}bff_session"])
@pytest.mark.parametrize("filled_with", ["\\", " ", ";", '\\"', "a"])
def test_a_long_cookie_takes_no_longer(cookie: str, filled_with: str) -> None:
    with at_once():
        session_of(request_of({"cookie": cookie.replace("{}", filled_with * LONG)}))


@pytest.mark.parametrize("cookie", ["{}", "a=b; {}", "{} ;c", "=;;{}"])
def test_the_session_is_found_among_other_cookies(cookie: str) -> None:
    assert session_of(request_of({"cookie": cookie.format("bff_session=a-B_1")})) == "a-B_1"


@pytest.mark.parametrize("cookie", ["", "{}", "{}=", "x{}=a", "a={}=a", '{}="a"'])
def test_what_only_looks_like_the_session_is_none(cookie: str) -> None:
    assert session_of(request_of({"cookie": cookie.format("bff_session")})) is None


async def test_a_form_of_a_million_fields_keeps_nobody_waiting() -> None:
    body = b"key=k&next=/a&" + b"a&" * (LIMIT_BYTES // 2 - 10)
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    form = await form_of(request_of({"content-type": FORM}, body))
    await asyncio.sleep(0)
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    assert (form["key"], form["next"]) == ("k", "/a")
    assert len(form) < 20
    assert longest < 0.1
