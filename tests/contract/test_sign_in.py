"""Signing in to the pages where keys are asked for: the key is sent once, a session stands in for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bff.catalog.clients import hash_of
from tests.contract.calls import ECHO, HI, Json, client_of, problem_of
from tests.contract.stack import Gateway, Up, gateway

pytestmark = pytest.mark.anyio

KEY, OTHER = f"bff_{'k' * 43}", f"bff_{'o' * 43}"
CLIENTS = f"""
[clients.shop]
key_hashes = ["{hash_of(KEY)}"]
[clients.other]
key_hashes = ["{hash_of(OTHER)}"]
"""
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    file.write_text(CLIENTS)
    return file


@pytest.fixture(scope="module")
def guarded(stack: Up, clients: Path) -> Iterator[Gateway]:
    with gateway(stack.redis_url, "--auth", f"--clients={clients}") as started:
        yield started


@pytest.fixture
async def browser(guarded: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Keeps cookies, and says where its requests come from, as browsers do."""
    async with client_of(guarded.url) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        yield client


async def signed_in(browser: httpx.AsyncClient, key: str = KEY, back: str = "/") -> httpx.Response:
    return await browser.post("/sign-in", data={"key": key, "next": back})


async def a_job(browser: httpx.AsyncClient, key: str = KEY) -> Json:
    answer = await browser.post(ECHO, json=HI, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 202
    job: Json = answer.json()
    return job


async def test_a_page_that_needs_a_key_asks_for_it_and_leads_on_to_what_was_wanted(browser: httpx.AsyncClient) -> None:
    page = (await a_job(browser))["links"]["page"]
    asked = await browser.get(page, headers=PAGE)
    assert asked.status_code == 401
    assert f'name="next" value="{page}"' in asked.text
    answer = await signed_in(browser, back=page)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    shown = await browser.get(page, headers=PAGE)
    assert shown.status_code == 200
    assert 'role="status"' in shown.text
    assert 'action="/sign-out"' in shown.text


async def test_the_first_page_leads_to_signing_in_before_a_form_is_filled_in_for_nothing(
    browser: httpx.AsyncClient,
) -> None:
    link = '<a href="/sign-in">'
    assert link in (await browser.get("/")).text
    await signed_in(browser)
    assert link not in (await browser.get("/")).text


async def test_the_session_is_kept_from_scripts_and_other_sites(browser: httpx.AsyncClient) -> None:
    cookie = (await signed_in(browser)).headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "bff_session"
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in rest.split(";")}
    assert KEY not in cookie


async def test_a_wrong_key_is_said_to_be_one_and_opens_nothing(browser: httpx.AsyncClient) -> None:
    answer = await signed_in(browser, key="bff_wrong", back="/jobs/x")
    assert answer.status_code == 401
    assert "does not know that key" in answer.text
    assert 'value="/jobs/x"' in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:x", "/\t/evil", ""],
)
async def test_nobody_is_led_elsewhere(browser: httpx.AsyncClient, elsewhere: str) -> None:
    assert (await signed_in(browser, back=elsewhere)).headers["location"] == "/"
    shown = await browser.get("/sign-in", params={"next": elsewhere})
    assert 'name="next" value="/"' in shown.text


async def test_a_session_reads_and_sends_what_its_client_may(browser: httpx.AsyncClient) -> None:
    mine, anothers = await a_job(browser), await a_job(browser, OTHER)
    await signed_in(browser)
    assert (await browser.get(mine["links"]["self"])).status_code == 200
    problem_of(await browser.get(anothers["links"]["self"]), 404, "unknown-job")
    assert (await browser.get(anothers["links"]["page"], headers=PAGE)).status_code == 404
    assert (await browser.post("/v1/ws-tickets")).status_code == 201
    started = await browser.post("/start/echo", data={"parameters": '{"text": "hi"}'})
    assert started.status_code == 303
    assert (await browser.get(started.headers["location"], headers=PAGE)).status_code == 200


@pytest.mark.parametrize(
    "site",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
    ],
)
async def test_another_sites_page_changes_nothing_with_somebodys_session(
    guarded: Gateway, browser: httpx.AsyncClient, site: dict[str, str]
) -> None:
    job = await a_job(browser)
    await signed_in(browser)
    async with client_of(guarded.url) as forged:
        forged.cookies = browser.cookies
        forged.headers.update({name: value for name, value in site.items() if value})
        for path in (job["links"]["page"] + "/cancel", job["links"]["page"] + "/again", "/start/echo", "/sign-in"):
            answer = await forged.post(path, data={"parameters": '{"text": "hi"}', "key": KEY})
            assert answer.status_code == 403, path
        problem_of(await forged.post(ECHO, json=HI), 401, "unauthorized")
        problem_of(await forged.delete(job["links"]["self"]), 401, "unauthorized")
        problem_of(await forged.post("/v1/ws-tickets"), 401, "unauthorized")


async def test_a_session_ends_by_signing_out_also_where_its_cookie_was_copied(browser: httpx.AsyncClient) -> None:
    page = (await a_job(browser))["links"]["page"]
    await signed_in(browser)
    copied = dict(browser.cookies)
    answer = await browser.post("/sign-out")
    assert answer.status_code == 303
    assert not browser.cookies
    assert (
        await browser.get(page, headers={**PAGE, "Cookie": f"bff_session={copied['bff_session']}"})
    ).status_code == 401


async def test_a_session_ends_with_the_key_that_opened_it(browser: httpx.AsyncClient, clients: Path) -> None:
    page = (await a_job(browser))["links"]["page"]
    await signed_in(browser)
    clients.write_text(CLIENTS.replace(hash_of(KEY), hash_of("bff_new")))
    while (await browser.get(page, headers=PAGE)).status_code == 200:
        await asyncio.sleep(0.02)
    clients.write_text(CLIENTS)
    while (await browser.get(page, headers=PAGE)).status_code == 401:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("body", [b"", b"key=", b"%ff%fe=&next=%00", b"key=" + b"x" * 2_000_000])
async def test_what_is_no_form_opens_nothing(browser: httpx.AsyncClient, body: bytes) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.post("/sign-in", content=body, headers=form)
    assert answer.status_code in (401, 413)
    assert "set-cookie" not in answer.headers
    problem_of(
        await browser.post("/sign-in", content=body, headers={"Content-Type": "text/plain"}),
        415,
        "unsupported-media-type",
    )


async def test_an_origin_that_is_none_sent_no_form_of_ours(browser: httpx.AsyncClient) -> None:
    for origin in ("http://[", "null", ""):
        del browser.headers["Sec-Fetch-Site"]
        answer = await browser.post("/sign-in", data={"key": KEY}, headers={"Origin": origin})
        problem_of(answer, 403, "forbidden")
        browser.headers["Sec-Fetch-Site"] = "same-origin"
