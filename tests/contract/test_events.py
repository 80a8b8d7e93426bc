"""The event stream of a job."""

import httpx
import pytest

from tests.contract.calls import (
    CHECKOUT,
    Steer,
    a_job_that_ended,
    a_running_job,
    constant,
    ended,
    hour_old_id,
    job_where,
    problem_of,
    submitted,
)
from tests.contract.streams import stream

pytestmark = pytest.mark.anyio

UNKNOWN = "01900000-0000-7000-8000-000000000000"


async def test_a_stream_tells_how_the_job_stands_and_every_change_and_ends_with_it(
    api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("payments", latency=constant(0.5))
    job = await submitted(api, CHECKOUT)
    async with stream(api, job["id"]) as opened:
        answer = opened.answer
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["x-correlation-id"] == job["id"]
        events = [event async for event in opened.events()]
        assert opened.retry == 3000
    assert {event.name for event in events} == {"job"}
    versions = [event.id for event in events]
    assert versions == sorted(set(versions))
    assert [ended(event.job) for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1].job == (await api.get(f"/v1/jobs/{job['id']}")).json()


async def test_what_was_seen_is_not_sent_again(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    version = int((await api.get(f"/v1/jobs/{job['id']}")).headers["etag"].strip('"'))
    async with stream(api, job["id"], last_event_id=str(version)) as opened:
        events = [event async for event in opened.events()]
    assert [event.job["status"] for event in events] == ["succeeded"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired", "cancelled"])
async def test_after_the_end_a_reconnect_is_told_that_nothing_follows(
    api: httpx.AsyncClient, steer: Steer, status: str
) -> None:
    job = await a_job_that_ended(api, steer, status)
    async with stream(api, job["id"]) as opened:
        [event] = [event async for event in opened.events()]
    assert event.job["status"] == status
    async with stream(api, job["id"], last_event_id=str(event.id)) as again:
        assert again.answer.status_code == 204
        assert await again.answer.aread() == b""


async def test_also_where_compensations_went_on_after_the_end(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("payments", error_rate=1.0, error_status=400)
    job = await submitted(api, CHECKOUT)
    async with stream(api, job["id"]) as opened:
        end = [event async for event in opened.events()][-1]
    await job_where(api, job["id"], lambda job: job["calls"].get("release", {}).get("status") == "succeeded")
    async with stream(api, job["id"], last_event_id=str(end.id)) as again:
        assert again.answer.status_code == 204


@pytest.mark.parametrize("last", ["", "0", "x", "-3", "1.5", "9" * 40, "\u00b2"])
async def test_an_event_id_that_is_none_of_ours_is_as_good_as_none(
    api: httpx.AsyncClient, steer: Steer, last: str
) -> None:
    job = await a_job_that_ended(api, steer, "succeeded")
    headers = {b"Last-Event-ID": last.encode("latin-1")}
    async with api.stream("GET", f"/v1/jobs/{job['id']}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert b'"succeeded"' in await answer.aread()


async def test_an_unknown_job_has_no_stream(api: httpx.AsyncClient) -> None:
    for unknown in (UNKNOWN, "no-id", hour_old_id(72)):
        problem_of(await api.get(f"/v1/jobs/{unknown}/events"), 404, "unknown-job")
    problem_of(await api.get(f"/v1/jobs/{hour_old_id(36)}/events"), 410, "job-gone")


async def test_head_is_answered_without_waiting(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    answer = await api.head(f"/v1/jobs/{job['id']}/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert (await api.head(f"/v1/jobs/{UNKNOWN}/events")).status_code == 404
    answer = await api.post(f"/v1/jobs/{job['id']}/events")
    problem_of(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD"


async def test_who_says_to_have_seen_more_than_there_is_is_told_how_it_stands(
    api: httpx.AsyncClient, steer: Steer
) -> None:
    """As after a failover that lost versions."""
    job = await a_running_job(api, steer)
    async with stream(api, job["id"], last_event_id="999999") as opened:
        told = [event.job async for event in opened.events()]
    assert told[0]["id"] == job["id"]
    assert ended(told[-1])
