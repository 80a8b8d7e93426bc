import asyncio

import httpx
import pytest

from tests.contract.calls import (
    Steer,
    a_job_that_ended,
    a_running_job,
    client_of,
    problem_of,
    submitted,
    until_in_flight,
)

pytestmark = pytest.mark.anyio


async def test_a_job_in_flight_is_cancelled_at_once_and_aborted(
    api: httpx.AsyncClient, mock: httpx.AsyncClient, steer: Steer
) -> None:
    job = await a_running_job(api, steer)
    answer = await api.delete(f"/v1/jobs/{job['id']}")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert answer.headers["x-correlation-id"] == job["id"]
    assert answer.json()["error"]["type"] == "/problems/job-cancelled"
    await until_in_flight(mock, 0)
    assert (await api.get(f"/v1/jobs/{job['id']}")).json()["status"] == "cancelled"


async def test_a_job_that_waits_is_cancelled(short_of_places: str) -> None:
    async with client_of(short_of_places) as idle:
        job = await submitted(idle)
        answer = await idle.delete(f"/v1/jobs/{job['id']}")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert answer.json()["started_at"] is None
        assert (await idle.get(f"/v1/jobs/{job['id']}")).json() == answer.json()


async def test_cancelling_again_changes_nothing(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_job_that_ended(api, steer, "cancelled")
    answer = await api.delete(f"/v1/jobs/{job['id']}")
    assert answer.status_code == 200
    assert answer.json()["finished_at"] == job["finished_at"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired"])
async def test_a_job_that_has_ended_otherwise_cannot_be_cancelled(
    api: httpx.AsyncClient, steer: Steer, status: str
) -> None:
    job = await a_job_that_ended(api, steer, status)
    problem = problem_of(await api.delete(f"/v1/jobs/{job['id']}"), 409, "job-not-cancellable")
    assert problem["correlation_id"] == job["id"]
    assert (await api.get(f"/v1/jobs/{job['id']}")).json() == job


async def test_a_long_poll_sees_the_cancellation(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=25"}))
        group.create_task(api.delete(f"/v1/jobs/{job['id']}"))
    assert poll.result().json()["status"] == "cancelled"
