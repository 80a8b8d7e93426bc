import asyncio

import httpx
import pytest

from tests.contract.calls import (
    CHECKOUT,
    Steer,
    a_job_that_ended,
    a_running_job,
    constant,
    hour_old_id,
    job_where,
    problem_of,
    submitted,
)

pytestmark = pytest.mark.anyio


async def test_a_job_that_has_not_ended_is_polled_again(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    answer = await api.get(f"/v1/jobs/{job['id']}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-correlation-id"] == job["id"]
    assert answer.headers["etag"].startswith('"')
    assert "prefer" in answer.headers["vary"].lower()
    assert int(answer.headers["retry-after"]) >= answer.json()["poll_after_seconds"]
    assert "preference-applied" not in answer.headers


async def test_a_job_that_has_ended_is_not(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_job_that_ended(api, steer, "succeeded")
    answer = await api.get(f"/v1/jobs/{job['id']}")
    assert "retry-after" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', '{} , "y"', "*"])
async def test_what_was_seen_is_answered_304(api: httpx.AsyncClient, steer: Steer, form: str) -> None:
    job = await a_job_that_ended(api, steer, "succeeded")
    seen = (await api.get(f"/v1/jobs/{job['id']}")).headers["etag"]
    answer = await api.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": form.format(seen)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == seen
    assert answer.headers["x-correlation-id"] == job["id"]
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "vary" in answer.headers


@pytest.mark.parametrize("form", ['"other"', "", "garbage", '"'])
async def test_what_was_not_seen_is_answered_whole(api: httpx.AsyncClient, steer: Steer, form: str) -> None:
    job = await a_job_that_ended(api, steer, "succeeded")
    assert (await api.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": form})).json() == job


async def test_the_etag_changes_with_the_job(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    before = (await api.get(f"/v1/jobs/{job['id']}")).headers["etag"]
    assert (await api.get(f"/v1/jobs/{job['id']}")).headers["etag"] == before
    await api.delete(f"/v1/jobs/{job['id']}")
    assert (await api.get(f"/v1/jobs/{job['id']}")).headers["etag"] != before


@pytest.mark.parametrize("by_query", [False, True])
async def test_a_long_poll_is_answered_at_the_end(api: httpx.AsyncClient, steer: Steer, by_query: bool) -> None:
    job = await a_running_job(api, steer)
    query, headers = ("?wait=25", {}) if by_query else ("", {"Prefer": "wait=25"})
    answer = await api.get(f"/v1/jobs/{job['id']}{query}", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=25"


async def test_a_long_poll_is_answered_in_time_with_the_present_state(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    answer = await api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=0.1"})
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert "retry-after" in answer.headers


async def test_a_long_poll_with_an_etag_is_answered_at_the_next_change(api: httpx.AsyncClient, steer: Steer) -> None:
    await steer("inventory", latency=constant(0.5))
    await steer("payments", latency=constant(5))
    accepted = await submitted(api, CHECKOUT)
    await job_where(api, accepted["id"], lambda job: job["calls"]["reserve"]["status"] == "running")
    path = f"/v1/jobs/{accepted['id']}"
    seen = (await api.get(path)).headers["etag"]
    answer = await api.get(path, headers={"Prefer": "wait=25", "If-None-Match": seen})
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert answer.headers["etag"] != seen
    await api.delete(path)


async def test_a_long_poll_with_an_etag_is_answered_304_when_nothing_changed(
    api: httpx.AsyncClient, steer: Steer
) -> None:
    job = await a_running_job(api, steer)
    seen = (await api.get(f"/v1/jobs/{job['id']}")).headers["etag"]
    answer = await api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=0.1", "If-None-Match": seen})
    assert answer.status_code == 304
    assert answer.headers["preference-applied"] == "wait=0.1"


async def test_many_long_polls_of_one_job_are_all_answered(api: httpx.AsyncClient, steer: Steer) -> None:
    job = await a_running_job(api, steer)
    polls = (api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=25"}) for _ in range(50))
    answers = await asyncio.gather(*polls)
    assert {answer.json()["status"] for answer in answers} == {"succeeded"}


@pytest.mark.parametrize("hours", [0, 1, 23, 49, 1000, -1])
@pytest.mark.parametrize("suffix", ["", "/result", "?wait=20"])
async def test_an_id_that_nobody_was_given_is_unknown(api: httpx.AsyncClient, hours: float, suffix: str) -> None:
    problem_of(await api.get(f"/v1/jobs/{hour_old_id(hours)}{suffix}"), 404, "unknown-job")


@pytest.mark.parametrize("hours", [25, 47])
@pytest.mark.parametrize("suffix", ["", "/result", "?wait=20"])
async def test_an_id_whose_time_is_over_is_gone(api: httpx.AsyncClient, hours: float, suffix: str) -> None:
    problem_of(await api.get(f"/v1/jobs/{hour_old_id(hours)}{suffix}"), 410, "job-gone")
    problem_of(await api.delete(f"/v1/jobs/{hour_old_id(hours)}"), 410, "job-gone")


@pytest.mark.parametrize(
    "job_id",
    ["1", "x" * 4_000, "%00", "%FF%FE", "%0d%0aX-Injected:%201", "..%2e", "%F0%9F%98%80", "'; DROP", "*", "{c0}"],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_no_id_is_unknown_too(api: httpx.AsyncClient, job_id: str, method: str) -> None:
    answer = await api.request(method, f"/v1/jobs/{job_id}")
    problem_of(answer, 404, "unknown-job")
    assert "x-injected" not in answer.headers


async def test_a_job_polled_far_too_often_is_told_to_wait(api: httpx.AsyncClient) -> None:
    path = f"/v1/jobs/{(await submitted(api))['id']}"
    while True:
        answers = await asyncio.gather(*(api.get(path) for _ in range(50)))
        too_often = [answer for answer in answers if answer.status_code != 200]
        if too_often:
            break
    problem_of(too_often[0], 429, "poll-too-frequent")
    assert int(too_often[0].headers["retry-after"]) >= 1
    await submitted(api)


async def test_jobs_are_read_many_at_once(api: httpx.AsyncClient) -> None:
    first, second = await submitted(api), await submitted(api)
    ids = [second["id"], hour_old_id(0), "nonsense", first["id"], hour_old_id(25)]
    answer = await api.get("/v1/jobs", params={"id": ids})
    assert answer.status_code == 200
    assert [job["id"] for job in answer.json()["jobs"]] == [second["id"], first["id"]]
    assert set(answer.json()["jobs"][0]) == set(second)


async def test_a_hundred_jobs_can_be_asked_for_and_no_more(api: httpx.AsyncClient) -> None:
    known = await submitted(api)
    ids = [known["id"], *(hour_old_id(0) for _ in range(99))]
    assert len((await api.get("/v1/jobs", params={"id": ids})).json()["jobs"]) == 1
    problem = problem_of(await api.get("/v1/jobs", params={"id": [*ids, hour_old_id(0)]}), 400, "invalid-query")
    assert "100" in problem["detail"]


@pytest.mark.parametrize("query", ["", "?ids=1"])
async def test_asking_for_no_job_is_refused(api: httpx.AsyncClient, query: str) -> None:
    problem_of(await api.get(f"/v1/jobs{query}"), 400, "invalid-query")
