"""The job as clients read it."""

from datetime import datetime

import httpx
import pytest

from tests.contract.calls import (
    CHECKOUT,
    TIME,
    Json,
    Steer,
    a_job_that_ended,
    client_of,
    constant,
    ended,
    job_where,
    submitted,
)

pytestmark = pytest.mark.anyio

MEMBERS = {
    "id", "operation", "status", "mode", "priority", "submitted_at", "started_at", "finished_at", "deadline",
    "expires_at", "progress", "approximate_position", "estimated_seconds", "poll_after_seconds", "partial", "degraded",
    "calls", "result", "error", "links",
}  # fmt: skip
CALL_MEMBERS = {"status", "source", "attempts", "http_status", "seconds", "error"}


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


async def test_a_job_that_was_just_accepted(api: httpx.AsyncClient, mock: object) -> None:
    job = await submitted(api, CHECKOUT, request_priority="high")
    assert set(job) == MEMBERS
    assert (job["operation"], job["status"], job["mode"], job["priority"]) == ("checkout", "queued", "async", "high")
    assert TIME.fullmatch(job["submitted_at"])
    assert TIME.fullmatch(job["deadline"])
    assert (job["started_at"], job["finished_at"], job["expires_at"]) == (None, None, None)
    assert job["progress"] == {"done": 0, "total": 3}
    assert {name: call["status"] for name, call in job["calls"].items()} == {
        "reserve": "queued",
        "charge": "waiting",
        "confirm": "waiting",
    }
    assert all(set(call) == CALL_MEMBERS for call in job["calls"].values())
    assert job["approximate_position"] >= 0
    assert job["estimated_seconds"] > 0
    assert 1 <= job["poll_after_seconds"] <= 5
    assert (job["partial"], job["degraded"], job["result"], job["error"]) == (False, False, None, None)
    assert job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["links"]["result"] == f"/v1/jobs/{job['id']}/result"


async def test_a_job_that_runs_shows_what_is_there_and_what_is_pending(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("payments", latency=constant(2))
    accepted = await submitted(api, CHECKOUT)
    job = await job_where(api, accepted["id"], lambda job: job["calls"]["charge"]["status"] == "running")
    assert set(job) == MEMBERS
    assert job["status"] == "running"
    assert TIME.fullmatch(job["started_at"])
    assert job["finished_at"] is None
    assert job["progress"] == {"done": 1, "total": 3}
    reserve, charge, confirm = (job["calls"][name] for name in ("reserve", "charge", "confirm"))
    assert reserve.pop("seconds") > 0
    assert reserve == {"status": "succeeded", "source": "live", "attempts": 1, "http_status": 200, "error": None}
    assert charge == {
        "status": "running", "source": None, "attempts": 1, "http_status": None, "seconds": None, "error": None
    }  # fmt: skip
    assert confirm["status"] == "waiting"
    assert list(job["result"]) == ["reserve"]
    await api.delete(f"/v1/jobs/{job['id']}")


async def test_a_job_that_succeeded(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_job_that_ended(api, steer, "succeeded")
    assert set(job) == MEMBERS
    assert job["progress"] == {"done": 1, "total": 1}
    assert job["result"] == {"echo": {"text": "hi"}}
    assert job["submitted_at"] <= job["started_at"] <= job["finished_at"] <= job["deadline"]
    assert seconds_between(job["finished_at"], job["expires_at"]) == 24 * 3600
    assert (job["approximate_position"], job["estimated_seconds"], job["poll_after_seconds"]) == (None, None, None)


async def test_a_job_that_failed_says_which_call_and_why(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_job_that_ended(api, steer, "failed")
    assert job["calls"]["echo"]["status"] == "failed"
    assert job["calls"]["echo"]["http_status"] == 400
    assert job["calls"]["echo"]["error"]
    assert job["error"]["status"] == 502
    assert job["result"] is None


async def test_a_job_that_expired_while_it_ran(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_job_that_ended(api, steer, "expired")
    assert job["started_at"] is not None
    assert job["calls"]["echo"]["status"] == "expired"
    assert job["error"]["status"] == 504
    assert "high volume" in job["error"]["detail"].lower()
    assert 0 <= seconds_between(job["deadline"], job["finished_at"]) < 10


async def test_a_job_that_never_ran_expires_without_a_start(api: httpx.AsyncClient, short_of_places: str) -> None:
    async with client_of(short_of_places) as idle:
        accepted = await submitted(idle, request_timeout="0.3")
        job: Json = await job_where(idle, accepted["id"], ended)
    assert (job["status"], job["started_at"]) == ("expired", None)


async def test_a_cancelled_job_undoes_what_it_had_done(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("payments", latency=constant(2))
    accepted = await submitted(api, CHECKOUT)
    await job_where(api, accepted["id"], lambda job: job["calls"]["charge"]["status"] == "running")
    cancelled = (await api.delete(f"/v1/jobs/{accepted['id']}")).json()
    assert cancelled["status"] == "cancelled"
    await steer("payments", latency=constant(0))
    undone = await job_where(
        api, accepted["id"], lambda job: job["calls"].get("release", {}).get("status") == "succeeded"
    )
    assert undone["status"] == "cancelled"
    assert undone["finished_at"] == cancelled["finished_at"]
    assert undone["progress"]["total"] == 3
