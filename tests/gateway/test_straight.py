"""Polls and submissions go straight to their routes, and are answered as they would be by way of FastAPI's."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Jobs
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import PUBLIC, ClientRegister, hash_of
from gateway.app import Application, create_app
from gateway.gateway import Gateway
from gateway.pace import PollPace
from gateway.settings import GatewaySettings

pytestmark = pytest.mark.anyio

ECHO = "/v1/operations/echo"
HI = {"text": "hi"}
SHOP = "https://shop.example"
METRICS_PORT = 9100
ROUTED = 418
BEARER = {"Authorization": "Bearer bff_key"}
OTHERS = {"Authorization": "Bearer bff_other"}


@pytest.fixture
def settings(settings: GatewaySettings, tmp_path: Path) -> GatewaySettings:
    """With all that stands around the routes: keys, and pages of another origin."""
    file = tmp_path / "clients.toml"
    file.write_text(
        f'[clients.{PUBLIC}]\nkey_hashes = ["{hash_of("bff_key")}"]\n'
        f'[clients.other]\nkey_hashes = ["{hash_of("bff_other")}"]\n'
    )
    return settings.model_copy(update={"auth": True, "clients_file": file, "allowed_origins": SHOP})


@pytest.fixture
async def app(settings: GatewaySettings) -> AsyncIterator[Application]:
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    made = create_app(settings, catalog, ClientRegister(settings.clients_file), metrics_port=METRICS_PORT)
    async with made.router.lifespan_context(made):
        await made.gateway.broker.cell.configure()
        yield made


@pytest.fixture
async def routed(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    """The same application, by way of its routes."""
    transport = httpx.ASGITransport(partial(FastAPI.__call__, app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


@pytest.fixture
async def job(api: httpx.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Job:
    """It stands still: who reads it later does not see it older."""
    job_id = (await api.post(ECHO, json=HI, headers={**BEARER, "Idempotency-Key": "the-job"})).json()["id"]
    jobs = gateway.broker.jobs
    found = await jobs.read(job_id)
    assert found is not None

    async def read(asked: str) -> Job | None:
        return found if asked == job_id else None

    monkeypatch.setattr(jobs, "read", read)
    return found


def all_of(answer: httpx.Response, job: Job) -> tuple[int, list[tuple[str, str]], str]:
    """But the id that each request has of its own, where it is not about the job."""
    own = answer.headers["x-correlation-id"]
    blot = str if own == job.id else lambda text: text.replace(own, "its own")
    headers = [(name, blot(value)) for name, value in answer.headers.multi_items()]
    return answer.status_code, sorted(headers), blot(answer.text)


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [
        ("/v1/jobs/{id}", {}, 200),
        ("/v1/jobs/{id}", {"Accept": "text/html"}, 200),
        ("/v1/jobs/{id}", {"If-None-Match": 'W/"1"'}, 304),
        ("/v1/jobs/{id}", {"Origin": SHOP}, 200),
        ("/v1/jobs/{id}", {"Origin": "https://other.example"}, 200),
        ("/v1/jobs/{id}", {"Host": "not [a] host/at?all"}, 200),
        ("/v1/jobs/{id}", {"Prefer": "wait=0.01"}, 200),
        ("/v1/jobs/{id}?wait=0.01", {}, 200),
        ("/v1/jobs/{id}?wait=nonsense&wait=2&=&%ff", {}, 200),
        ("/v1/jobs/%30{rest}", {}, 200),
        ("/v1/jobs/{id}", {"Authorization": "Bearer wrong", "Origin": SHOP}, 401),
        ("/v1/jobs/{id}", {"Authorization": "Basic x", "Accept": "text/html"}, 401),
        ("/v1/jobs/{id}", OTHERS, 404),
        ("/v1/jobs/{id}?wait=10", OTHERS, 404),
        ("/v1/jobs/{new}", {}, 404),
        ("/v1/jobs/{new}?wait=10", {"Accept": "text/html"}, 404),
        ("http://gateway:9100/v1/jobs/{id}", {}, 404),
        ("http://gateway:9100/v1/jobs/{id}", {"Origin": SHOP}, 404),
    ],
)
async def test_a_poll_is_answered_as_by_the_routes(
    api: httpx.AsyncClient, routed: httpx.AsyncClient, job: Job, url: str, headers: dict[str, str], status: int
) -> None:
    asked = url.format(id=job.id, rest=job.id[1:], new=new_job_id())
    straight = await api.get(asked, headers={**BEARER, **headers})
    assert straight.status_code == status
    assert all_of(straight, job) == all_of(await routed.get(asked, headers={**BEARER, **headers}), job)


@pytest.mark.parametrize(
    ("url", "headers", "content", "status"),
    [
        (ECHO, {"Idempotency-Key": "the-job"}, b'{"text":"hi"}', 202),
        (ECHO + "?wait=1&%ff", {"Idempotency-Key": "the-job", "Origin": SHOP}, b'{"text":"hi"}', 202),
        ("/v1/operations/%65cho", {"Idempotency-Key": "the-job"}, b'{"text":"hi"}', 202),
        (ECHO, {"Idempotency-Key": "the-job"}, b'{"text":"other"}', 422),
        (ECHO, {"Origin": SHOP}, b'{"text":""}', 422),
        (ECHO, {}, b"{", 400),
        (ECHO, {"Accept": "text/html", "Host": "not [a] host/at?all"}, b"[]", 422),
        (ECHO, {"Content-Type": "text/plain"}, b"hi", 415),
        (ECHO, {"Request-Timeout": "soon"}, b'{"text":"hi"}', 400),
        (ECHO, {}, b'"' + b"x" * 2_000_000 + b'"', 413),
        (ECHO, {"Authorization": "Bearer wrong", "Origin": SHOP}, b'{"text":"hi"}', 401),
        ("http://gateway:9100" + ECHO, {"Origin": SHOP}, b'{"text":"hi"}', 404),
    ],
)
async def test_a_submission_is_answered_as_by_the_routes(
    api: httpx.AsyncClient,
    routed: httpx.AsyncClient,
    job: Job,
    url: str,
    headers: dict[str, str],
    content: bytes,
    status: int,
) -> None:
    sent = {"Content-Type": "application/json", **BEARER, **headers}
    straight = await api.post(url, content=content, headers=sent)
    assert straight.status_code == status, straight.text
    assert all_of(straight, job) == all_of(await routed.post(url, content=content, headers=sent), job)


async def test_a_job_polled_too_often_is_refused_as_by_the_routes(
    api: httpx.AsyncClient, routed: httpx.AsyncClient, gateway: Gateway, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PollPace, "wait_seconds", lambda *_: 1.5)
    straight = await api.get(f"/v1/jobs/{job.id}", headers=BEARER)
    assert (straight.status_code, straight.headers["retry-after"]) == (429, "2")
    assert all_of(straight, job) == all_of(await routed.get(f"/v1/jobs/{job.id}", headers=BEARER), job)


@pytest.mark.parametrize(("error", "status"), [(BrokerUnavailable("away"), 503), (KeyError("secret"), 500)])
async def test_what_goes_wrong_is_answered_as_by_the_routes(
    app: Application,
    api: httpx.AsyncClient,
    routed: httpx.AsyncClient,
    job: Job,
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(app.gateway.broker.jobs, "read", fail)
    monkeypatch.setattr(Jobs, "submit", fail)
    for method, url in (("GET", f"/v1/jobs/{job.id}"), ("GET", f"/v1/jobs/{job.id}?wait=5"), ("POST", ECHO)):
        sent: Any = {"headers": {**BEARER, "Origin": SHOP}, "json": HI if method == "POST" else None}
        straight = await api.request(method, url, **sent)
        assert straight.status_code == status
        assert all_of(straight, job) == all_of(await routed.request(method, url, **sent), job)


@pytest.mark.parametrize("url", ["/v1/jobs/{id}", "/v1/jobs/{new}", "/v1/jobs/{id}?wait=0.01", "/v1/jobs/upper"])
async def test_head_has_the_headers_of_the_poll(api: httpx.AsyncClient, job: Job, url: str) -> None:
    asked = url.format(id=job.id, new=new_job_id())
    poll, head = await api.get(asked, headers=BEARER), await api.head(asked, headers=BEARER)
    assert all_of(poll, job)[:2] == all_of(head, job)[:2]


async def test_only_polls_and_submissions_go_straight(
    app: Application, api: httpx.AsyncClient, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "middleware_stack", Response(status_code=ROUTED))
    for method, url in (("GET", f"/v1/jobs/{job.id}"), ("GET", f"/v1/jobs/{job.id}?wait=0"), ("POST", ECHO)):
        assert (await api.request(method, url)).status_code != ROUTED, (method, url)
    for method, url in (
        ("HEAD", f"/v1/jobs/{job.id}"),
        ("DELETE", f"/v1/jobs/{job.id}"),
        ("POST", f"/v1/jobs/{job.id}"),
        ("OPTIONS", f"/v1/jobs/{job.id}"),
        ("GET", f"/v1/jobs/{job.id}/"),
        ("GET", f"/v1/jobs/{job.id}/result"),
        ("GET", f"/v1/jobs/{job.id}/events"),
        ("GET", f"/v1/jobs/{job.id}%0A"),
        ("GET", f"/v1/jobs/{job.id}%3Fwait=5"),
        ("GET", f"/v1//jobs/{job.id}"),
        ("GET", f"/jobs/{job.id}"),
        ("GET", f"/v1/jobs/{job.id.upper()}"),
        ("GET", "/v1/jobs/"),
        ("GET", f"/v1/jobs?id={job.id}"),
        ("GET", ECHO),
        ("POST", ECHO + "/"),
        ("POST", ECHO + "%0A"),
        ("POST", "/v1/operations/ECHO"),
        ("POST", "/v1/operations/unknown"),
    ):
        assert (await api.request(method, url)).status_code == ROUTED, (method, url)


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_also_what_was_not_foreseen_is_answered_within_what_is_around_everything(
    app: Application, api: httpx.AsyncClient, accept: str
) -> None:
    def fail() -> None:
        raise KeyError("secret")

    app.add_api_route("/console/fails", fail)
    for answer in (
        await api.get("/console/fails", headers={"Origin": SHOP, "Accept": accept}),
        await api.head("/console/fails", headers={"Origin": SHOP, "Accept": accept}),
    ):
        assert answer.status_code == 500
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-correlation-id"]
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "X-Correlation-ID" in answer.headers["access-control-expose-headers"]
    apart = await api.get(f"http://gateway:{METRICS_PORT}/console/fails")
    assert apart.status_code == 404
