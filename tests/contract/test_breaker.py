"""A service that keeps failing: what needs it is refused, what can do without it goes on with less."""

import asyncio
import itertools
import re
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bff.catalog.services import SHIPPED_SERVICES
from tests.contract.calls import CART, CHECKOUT, ECHO, HI, Json, Steer, client_of, constant, refused_for_now
from tests.contract.stack import Up, gateway, worker

pytestmark = pytest.mark.anyio

HOME = "/v1/operations/home-screen"
MINIMUM_CALLS = 5
PATIENCE_SECONDS = 40
SERVICE = """
[services.{name}]
base_url = "${{DOWNSTREAM_URL}}/{name}"
max_concurrency = 10
inline_concurrency = 5
timeout_seconds = 2.0
expected_seconds = 0.05
capacity = 1000
retry = {{ attempts = 1 }}
breaker = {{ minimum_calls = {minimum_calls}, open_seconds = 2 }}
"""


@pytest.fixture(scope="module")
def wary(stack: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway and a worker beside the stack's, whose breakers open early, and not for long: its URL."""
    services: Path = tmp_path_factory.mktemp("services") / "services.toml"
    names = tomllib.loads(SHIPPED_SERVICES.read_text())["services"]
    services.write_text("".join(SERVICE.format(name=name, minimum_calls=MINIMUM_CALLS) for name in names))
    options = (f"--services={services}", f"--downstream-url={stack.mock_url}", "--key-prefix=wary")
    with gateway(stack.redis_url, *options) as edge, worker(stack.redis_url, *options):
        yield edge.url


@pytest.fixture
async def api(wary: str, steer: Steer) -> AsyncIterator[httpx.AsyncClient]:
    for service in ("accounts", "recommendations", "history", "payments"):
        await steer(service, latency=constant(0.01))
    give_up_at = time.monotonic() + PATIENCE_SECONDS

    async def still_patient(request: httpx.Request) -> None:
        assert time.monotonic() < give_up_at, f"waited in vain, up to {request.url}"

    async with client_of(wary) as client:
        client.event_hooks["request"] = [still_patient]
        yield client


async def post(api: httpx.AsyncClient, path: str, body: Json) -> httpx.Response:
    """Held until the job has ended, where it is accepted."""
    answer = await api.post(path, json=body, headers={"Prefer": "wait=20"})
    assert answer.status_code in (200, 503), answer.text
    return answer


async def home(api: httpx.AsyncClient, user: str) -> Json:
    answer = await post(api, HOME, {"user_id": user})
    assert answer.status_code == 200, answer.text
    job: Json = answer.json()
    assert job["status"] == "succeeded", job
    return job


async def breaker(api: httpx.AsyncClient, service: str) -> int:
    """0 closed, 1 half-open, 2 open."""
    found = re.search(
        rf'^bff_breaker_state{{service="{service}"}} (\d)', (await api.get("/metrics")).text, re.MULTILINE
    )
    assert found
    return int(found[1])


async def calls_of(mock: httpx.AsyncClient, service: str) -> int:
    count: int = (await mock.get(f"/_control/{service}")).json()["counters"]["calls"]
    return count


async def until_well(api: httpx.AsyncClient, path: str, body: Json) -> Json:
    """The first job that is accepted again."""
    while (answer := await post(api, path, body)).status_code == 503:
        await asyncio.sleep(0.05)
    job: Json = answer.json()
    return job


async def test_what_needs_it_is_refused_until_it_is_well_again(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", error_rate=1, error_status=500)
    accepted = 0
    while (answer := await post(api, ECHO, HI)).status_code == 200:
        assert answer.json()["status"] == "failed"
        accepted += 1
    assert accepted >= MINIMUM_CALLS
    problem = refused_for_now(answer, "downstream-unavailable")
    assert problem["service"] == "echo"
    assert "failed too often" in problem["detail"]
    assert int(answer.headers["retry-after"]) <= 60
    other = (await post(api, CHECKOUT, CART)).json()
    assert other["status"] == "succeeded", f"other services are not concerned: {other['calls']}"
    await steer("echo", error_rate=0)
    assert (await until_well(api, ECHO, HI))["status"] == "succeeded"
    while await breaker(api, "echo"):
        assert (await post(api, ECHO, HI)).json()["status"] == "succeeded"
    page = (await api.get("/metrics")).text
    assert re.search(r'\nbff_jobs_rejected_total\{operation="echo",.*reason="downstream-unavailable"\} [1-9]', page)


async def test_what_only_adds_to_it_falls_back_on_static_data_or_on_the_last_good_answer(
    api: httpx.AsyncClient, steer: Steer
) -> None:
    live = await home(api, "u1")
    assert (live["calls"]["recommendations"]["source"], live["degraded"], live["partial"]) == ("live", False, False)
    assert "age_seconds" not in live["calls"]["recommendations"]
    await steer("recommendations", error_rate=1, error_status=500)

    failed = await home(api, "u2")
    assert (failed["degraded"], failed["partial"], failed["error"]) == (True, False, None)
    call = failed["calls"]["recommendations"]
    assert (call["status"], call["source"], call["attempts"]) == ("fallback", "static", 1)
    assert (call["error"], call["http_status"]) == ("http-status", 500)
    assert "age_seconds" not in call

    for number in itertools.count(3):
        barred = await home(api, f"u{number}")
        call = barred["calls"]["recommendations"]
        assert (call["status"], call["source"], barred["degraded"]) == ("fallback", "static", True)
        assert barred["result"]["recommendations"] == {"items": []}
        if call["error"] == "breaker-open":
            break
    assert (call["attempts"], call["http_status"]) == (0, None)
    age_seconds = 0.0
    while call["source"] != "cache" or call["error"] != "breaker-open":
        cached = await home(api, "u1")
        call = cached["calls"]["recommendations"]
        assert (call["status"], call["source"], cached["degraded"]) == ("fallback", "cache", True)
        assert cached["result"]["recommendations"] == live["result"]["recommendations"]
        assert call["age_seconds"] >= age_seconds
        age_seconds = call["age_seconds"]

    await steer("recommendations", error_rate=0)
    while (well := await home(api, "u1"))["calls"]["recommendations"]["source"] != "live":
        await asyncio.sleep(0.05)
    assert not well["degraded"]


async def test_what_is_optional_and_has_nothing_to_fall_back_on_is_left_out(
    api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("history", error_rate=1, error_status=500)
    while (job := await home(api, "u1"))["calls"]["history"]["status"] == "failed":
        assert (job["partial"], job["degraded"]) == (True, False)
    call = job["calls"]["history"]
    assert (call["status"], call["attempts"], job["partial"], job["degraded"]) == ("skipped", 0, True, False)
    assert set(job["result"]) == {"balance", "recommendations"}


async def test_inline_calls_are_spared_and_made_again_once_it_is_well(
    api: httpx.AsyncClient, mock: httpx.AsyncClient, steer: Steer
) -> None:
    first = await api.post(HOME, json={"user_id": "u1"})
    assert (first.status_code, first.json()["calls"]["balance"]["source"]) == (202, "live")
    await steer("accounts", error_rate=1, error_status=500)
    while True:
        calls = await calls_of(mock, "accounts")
        answer = await post(api, HOME, {"user_id": "u1"})
        if answer.status_code == 503:
            break
        assert (answer.json()["status"], answer.json()["error"]["call"]) == ("failed", "balance")
    assert refused_for_now(answer, "downstream-unavailable")["service"] == "accounts"
    assert await calls_of(mock, "accounts") == calls, "the refused request called it all the same"
    await steer("accounts", error_rate=0)
    assert (await until_well(api, HOME, {"user_id": "u1"}))["status"] == "succeeded"
    while True:
        accepted = await api.post(HOME, json={"user_id": "u1"})
        assert accepted.status_code == 202
        if accepted.json()["result"]:
            break
    assert accepted.json()["result"]["balance"]
    assert accepted.json()["calls"]["balance"]["source"] == "live"
