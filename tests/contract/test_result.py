import httpx
import pytest

from tests.contract.calls import Steer, a_job_that_ended, a_running_job, problem_of

pytestmark = pytest.mark.anyio


async def test_the_result_stands_alone(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_job_that_ended(api, steer, "succeeded")
    answer = await api.get(f"/v1/jobs/{job['id']}/result")
    assert (answer.status_code, answer.json()) == (200, {"echo": {"text": "hi"}})
    assert answer.headers["x-correlation-id"] == job["id"]
    assert "retry-after" not in answer.headers


async def test_a_result_that_is_pending_is_asked_for_again(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    answer = await api.get(f"/v1/jobs/{job['id']}/result")
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("status", "code"), [("failed", 502), ("expired", 504), ("cancelled", 409)])
async def test_a_job_without_a_result_says_why(api: httpx.AsyncClient, steer: Steer, status: str, code: int) -> None:
    job = await a_job_that_ended(api, steer, status)
    answer = await api.get(f"/v1/jobs/{job['id']}/result")
    problem = problem_of(answer, code, f"job-{status}")
    assert problem["correlation_id"] == job["id"]
    assert ("retry-after" in answer.headers) == (status == "expired")
    if status == "expired":
        assert "high volume" in problem["detail"].lower()
        assert "retry" in problem["detail"].lower()
