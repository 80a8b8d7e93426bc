import json

import httpx
import pytest

from gateway.body import MAX_ERRORS
from gateway.gateway import Gateway

pytestmark = pytest.mark.anyio

ECHO = "/v1/operations/echo"


async def test_a_body_that_is_wrong_everywhere_is_answered_in_short(api: httpx.AsyncClient) -> None:
    body = {"text": "hi", **{f"member {number}": 1 for number in range(20_000)}}
    answer = await api.post(ECHO, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == MAX_ERRORS
    assert "20000 places" in answer.json()["detail"]


async def test_nothing_is_kept_of_what_was_refused(api: httpx.AsyncClient, gateway: Gateway) -> None:
    keys = f"{gateway.settings.key_prefix}:*job:*"
    assert (await api.post(ECHO, json={"text": ""})).status_code == 422
    assert await gateway.broker.pipeline.execute("KEYS", keys) == []
    assert (await api.post(ECHO, json={"text": "hi"})).status_code == 202
    assert len(await gateway.broker.pipeline.execute("KEYS", keys)) == 1


async def test_a_gateway_that_drains_takes_nothing_and_is_not_ready(api: httpx.AsyncClient, gateway: Gateway) -> None:
    job_id = (await api.post(ECHO, json={"text": "hi"})).json()["id"]
    gateway.drain()
    answer = await api.post(ECHO, json={"text": "hi"})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/draining")
    assert answer.headers["retry-after"] == "1"
    assert (await api.get("/readyz")).json() == {"status": "unavailable", "detail": "draining"}
    assert (await api.get("/livez")).status_code == 200
    assert (await api.get(f"/v1/jobs/{job_id}")).status_code == 200
    assert (await api.delete(f"/v1/jobs/{job_id}")).status_code == 200


async def test_another_clients_job_is_as_unknown_as_none(api: httpx.AsyncClient, gateway: Gateway) -> None:
    job_id = (await api.post(ECHO, json={"text": "hi"})).json()["id"]
    await gateway.broker.pipeline.execute("HSET", gateway.broker.cell.keys.job(job_id), "client", "another")
    for answer in (
        await api.get(f"/v1/jobs/{job_id}"),
        await api.get(f"/v1/jobs/{job_id}?wait=5"),
        await api.get(f"/v1/jobs/{job_id}/result"),
        await api.delete(f"/v1/jobs/{job_id}"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-job")
        assert answer.headers["x-correlation-id"] != job_id
    assert (await api.get(f"/v1/jobs?id={job_id}")).json() == {"jobs": []}
