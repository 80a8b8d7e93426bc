import re

import httpx
import pytest

from tests.contract.calls import ECHO, HI, submitted

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_gateway_that_runs_is_alive_and_ready(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_every_answer_has_a_correlation_id_of_its_own(api: httpx.AsyncClient) -> None:
    paths = ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems/queue-full", "/v1/jobs", "/nothing"]
    ids = [(await api.get(path)).headers["x-correlation-id"] for path in paths]
    assert len(set(ids)) == len(paths)


async def test_a_clients_own_correlation_id_is_not_taken_over(api: httpx.AsyncClient) -> None:
    answer = await api.get("/livez", headers={"X-Correlation-ID": "mine"})
    assert answer.headers["x-correlation-id"] != "mine"


async def test_metrics_count_what_was_done(api: httpx.AsyncClient) -> None:
    await api.post(ECHO, json=HI, headers={"Prefer": "wait=20"})
    await api.post(ECHO, json=HI, headers={"Request-Timeout": "0.05"})
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for sample in (
        'bff_jobs_submitted_total{mode="async",operation="echo",priority="normal"}',
        'bff_queue_depth{priority="normal",service="echo"}',
        'bff_queue_capacity{service="payments"}',
        'bff_queue_oldest_age_seconds{priority="low",service="orders"}',
        'bff_drain_rate{service="payments"}',
        'bff_waiters{channel="long_poll"}',
        'bff_dead_letters{service="mail"}',
    ):
        assert f"\n{sample} " in answer.text


async def test_no_label_of_a_metric_is_an_id(api: httpx.AsyncClient) -> None:
    job = await submitted(api)
    text = (await api.get("/metrics")).text
    assert job["id"] not in text
    assert not re.search(r'="[0-9a-f]{8}-[0-9a-f]{4}-', text)


async def test_openmetrics_are_had_on_request(api: httpx.AsyncClient) -> None:
    answer = await api.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_the_documentation_stands_on_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    answer = await api.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assets = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith(("/", "data:"))
        if asset.startswith("/"):
            assert (await api.get(asset)).status_code == 200, asset


@pytest.mark.parametrize("version", ["x", "1.x", "99.x.", "\xff", "", "1.0.0;escaping=\xff"])
async def test_metrics_are_there_whatever_version_of_them_is_asked_for(api: httpx.AsyncClient, version: str) -> None:
    for media_type in ("application/openmetrics-text", "text/plain"):
        accept = f"{media_type}; version={version}".encode("latin-1")
        answer = await api.get("/metrics", headers={b"Accept": accept})
        assert answer.status_code == 200
        assert "bff_waiters" in answer.text
