"""Signing in to the console: an operator's session is a thing of its own, kept from scripts, other sites and clients."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.broker.world import World
from tests.contract.calls import client_of, problem_of
from tests.contract.operators import CLIENT, ROOT
from tests.contract.stack import Gateway

pytestmark = pytest.mark.anyio

PAGE = {"Accept": "text/html"}
PAUSE = {"do": "pause", "service": "history", "sure": "yes"}


@pytest.fixture
async def browser(alone: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Keeps cookies, and says where its requests come from, as browsers do."""
    async with client_of(alone.url) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        yield client


async def signed_in(browser: httpx.AsyncClient, key: str = ROOT) -> httpx.Response:
    return await browser.post("/console/sign-in", data={"key": key})


async def test_without_an_operators_key_there_is_nothing_but_the_question_for_it(browser: httpx.AsyncClient) -> None:
    asked = await browser.get("/console", headers=PAGE)
    assert asked.status_code == 401
    assert 'action="/console/sign-in"' in asked.text
    for key in (CLIENT, "bff_wrong", ""):
        refused = await signed_in(browser, key)
        assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert (await browser.post("/console", data=PAUSE, headers=PAGE)).status_code == 401


async def test_the_session_is_kept_from_scripts_and_other_sites(browser: httpx.AsyncClient) -> None:
    answer = await signed_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "bff_operator"
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in rest.split(";")}
    assert ROOT not in answer.headers["set-cookie"]
    shown = await browser.get("/console", headers=PAGE)
    assert shown.status_code == 200
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "private, no-store"
    assert (await browser.get("/admin/v1/overview")).status_code == 200


async def test_a_session_of_one_kind_is_none_of_the_other(browser: httpx.AsyncClient) -> None:
    await signed_in(browser)
    operators = browser.cookies["bff_operator"]
    await browser.post("/sign-in", data={"key": CLIENT})
    clients = browser.cookies["bff_session"]
    browser.cookies.clear()
    for cookies in ({"bff_operator": clients}, {"bff_session": operators}):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        problem_of(await browser.get("/admin/v1/overview", headers=headers), 401, "unauthorized")


@pytest.mark.parametrize(
    "site",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    ],
    ids=str,
)
async def test_another_sites_page_does_nothing_with_an_operators_session(
    browser: httpx.AsyncClient, operator: httpx.AsyncClient, site: dict[str, str]
) -> None:
    await signed_in(browser)
    for path in ("/console", "/admin/v1/services/history/pause", "/admin/v1/ws-tickets"):
        sent = {"data": PAUSE} if path == "/console" else {}
        assert (await browser.post(path, headers=site, **sent)).status_code == 401  # type: ignore[arg-type]
    [history] = [
        each for each in (await operator.get("/admin/v1/services")).json()["services"] if each["service"] == "history"
    ]
    assert history["paused"] is None


async def test_whoever_signs_out_is_out(browser: httpx.AsyncClient) -> None:
    await signed_in(browser)
    cookie = browser.cookies["bff_operator"]
    assert (await browser.post("/console/sign-out")).status_code == 303
    again = await browser.get("/console", headers={"Cookie": f"bff_operator={cookie}", **PAGE})
    assert again.status_code == 401


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            {"do": "pause", "service": "history", "seconds": "0", "sure": "yes"},
            "Nothing was done: a pause is 1 to 86400",
        ),
        ({"do": "pause", "service": "history", "seconds": "٣", "sure": "yes"}, "Nothing was done"),
        ({"do": "rollout", "operation": "echo", "percent": "101"}, "Nothing was done: a percentage is 0 to 100."),
        ({"do": "rollout", "operation": "echo", "percent": "nan"}, "Nothing was done: a percentage is 0 to 100."),
        ({"do": "rollout", "operation": "x", "percent": "1"}, "there is no such operation"),
        ({"replay": "1-1"}, "There is no dead letter 1-1 any more."),
        ({"discard": "<b>", "sure": "yes"}, "There is no dead letter &lt;b&gt; any more."),
        ({"do": "replay-all", "service": "orders"}, "0 dead letters of orders replayed."),
        ({"do": "resume", "service": "history"}, "history was not paused."),
        ({"do": "x"}, "Nothing was done"),
        ({}, "Nothing was done"),
    ],
    ids=str,
)
async def test_what_a_form_cannot_do_is_said(browser: httpx.AsyncClient, form: dict[str, str], said: str) -> None:
    await signed_in(browser)
    answer = await browser.post("/console", data=form, headers=PAGE)
    assert answer.status_code == 200
    assert said in answer.text


async def test_a_service_that_is_not_there_is_said_not_to_be(browser: httpx.AsyncClient) -> None:
    await signed_in(browser)
    answer = await browser.post("/console", data=PAUSE | {"service": "x"}, headers=PAGE)
    assert (answer.status_code, "No such service" in answer.text) == (404, True)


async def test_what_can_do_harm_is_asked_first(browser: httpx.AsyncClient, world: World) -> None:
    await signed_in(browser)
    for form in ({"do": "pause", "service": "history"}, {"do": "open", "service": "history"}, {"discard": "1-1"}):
        asked = await browser.post("/console", data=form, headers=PAGE)
        assert (asked.status_code, 'name="sure"' in asked.text) == (200, True)
    assert await world.redis.execute("HMGET", world.keys.service("history"), "held_until", "breaker.forced") == [
        None,
        None,
    ]
