import time
import uuid

import httpx
import pytest

from tests.contract.calls import (
    CHECKOUT,
    ECHO,
    HI,
    Steer,
    a_job_that_ended,
    constant,
    ended,
    job_where,
    problem_of,
    submitted,
)

pytestmark = pytest.mark.anyio


async def test_a_submission_is_accepted_with_what_is_needed_to_come_back(api: httpx.AsyncClient) -> None:
    answer = await api.post(ECHO, json=HI)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["x-correlation-id"] == job["id"]
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["vary"] == "Prefer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert "preference-applied" not in answer.headers
    assert (await api.get(answer.headers["location"])).json()["id"] == job["id"]


async def test_the_correlation_id_is_a_uuid_of_version_7_of_now(api: httpx.AsyncClient) -> None:
    job = await submitted(api)
    made = uuid.UUID(job["id"])
    assert str(made) == job["id"]
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert abs((made.int >> 80) / 1000 - time.time()) < 60


@pytest.mark.parametrize("path", [ECHO, CHECKOUT])
async def test_the_examples_of_the_shipped_operations_succeed(api: httpx.AsyncClient, steer: Steer, path: str) -> None:
    await steer("payments", latency=constant(0.01))
    job = await submitted(api, path)
    job = await job_where(api, job["id"], ended)
    assert job["status"] == "succeeded", job
    if path == ECHO:
        assert job["result"] == {"echo": {"text": "hi"}}
    else:
        assert list(job["result"]) == ["reserve", "charge", "confirm"]


async def test_an_answer_that_is_held_until_the_end_has_the_result(api: httpx.AsyncClient, mock: object) -> None:
    answer = await api.post(ECHO, json=HI, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200
    job = answer.json()
    assert (job["status"], job["result"]) == ("succeeded", {"echo": {"text": "hi"}})
    assert answer.headers["content-location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["x-correlation-id"] == job["id"]
    assert answer.headers["preference-applied"] == "wait=20"
    assert "location" not in answer.headers
    assert "retry-after" not in answer.headers


async def test_a_held_answer_says_so_when_the_job_failed(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", error_rate=1, error_status=400)
    answer = await api.post(ECHO, json=HI, headers={"Prefer": "wait=20"})
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")


async def test_an_answer_is_held_no_longer_than_was_asked_for(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("echo", latency=constant(1.5))
    answer = await api.post(ECHO, json=HI, headers={"Prefer": "wait=0.2"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert answer.headers["preference-applied"] == "wait=0.2"
    assert int(answer.headers["retry-after"]) >= 1


async def test_an_unknown_operation_is_told_what_there_is(api: httpx.AsyncClient) -> None:
    problem = problem_of(await api.post("/v1/operations/nothing", json=HI), 404, "unknown-operation")
    assert {"echo", "checkout"} <= set(problem["operations"])


async def test_parameters_of_the_query_that_are_not_known_are_passed_over(api: httpx.AsyncClient) -> None:
    assert (await api.post(f"{ECHO}?wait=x&utm_source=mail&%00=%ff", json=HI)).status_code == 202


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired", "cancelled"])
async def test_every_terminal_state_is_reached_and_stays(api: httpx.AsyncClient, steer: Steer, status: str) -> None:
    job = await a_job_that_ended(api, steer, status)
    assert (job["error"] is None) == (status == "succeeded")
    if job["error"]:
        assert job["error"]["type"] == f"/problems/job-{status}"
        assert job["error"]["correlation_id"] == job["id"]
    assert (await api.get(f"/v1/jobs/{job['id']}")).json() == job
