import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis.exceptions import ResponseError
from starlette.exceptions import HTTPException

from bff.broker.errors import BrokerUnavailable
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Jobs
from bff.wire.problem import JOB_FAILED, ProblemType
from gateway.problems import PROBLEM_TYPES, Problem

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("type_", PROBLEM_TYPES.values(), ids=PROBLEM_TYPES.keys())
async def test_every_problem_has_a_page(api: httpx.AsyncClient, type_: ProblemType) -> None:
    page = await api.get(type_.path)
    assert page.status_code == 200
    assert f"<h1>{type_.title}</h1>".replace("'", "&#x27;") in page.text
    assert str(type_.status) in page.text
    assert "`" not in page.text.split("<body>")[1]
    assert "script" not in page.headers["content-security-policy"]


async def test_the_list_of_problems_links_to_each(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/problems")).text
    assert all(f'href="{type_.path}"' in listed for type_ in PROBLEM_TYPES.values())


async def test_the_job_of_an_answer_gives_it_its_correlation_id() -> None:
    problem = Problem(JOB_FAILED, "It failed.", headers={"X-Correlation-ID": "the job's"})
    answer = problem.response("/v1/jobs/1", "the request's own")
    assert answer.headers["x-correlation-id"] == "the job's"
    assert b"the job's" in answer.body
    assert b"the request's own" not in answer.body


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (BrokerUnavailable("10.1.2.3 is away"), 503, "broker-unavailable"),
        (ResponseError("ERR at redis.internal"), 500, "internal-error"),
        (KeyError("secret"), 500, "internal-error"),
    ],
)
async def test_an_error_on_the_way_is_a_problem_that_tells_nothing_of_the_inside(
    app: FastAPI, api: httpx.AsyncClient, error: Exception, status: int, slug: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    app.add_api_route("/fails", fail)
    caplog.set_level(logging.CRITICAL)
    for answer in (await api.get("/fails"), await api.head("/fails")):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-correlation-id"]
    problem = (await api.get("/fails")).json()
    assert problem["type"] == f"/problems/{slug}"
    assert str(error) not in str(problem)
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_what_the_framework_refuses_in_a_way_not_foreseen_is_logged_as_its_problem_says(
    app: FastAPI, api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = HTTPException(418)

    def refuse() -> None:
        raise refusal

    app.add_api_route("/refuses", refuse)
    assert (await api.get("/refuses")).json()["type"] == "/problems/internal-error"
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [refusal]


@pytest.mark.parametrize(
    ("error", "slug"),
    [(BrokerUnavailable("10.1.2.3 is away"), "broker-unavailable"), (KeyError("secret"), "internal-error")],
)
async def test_so_it_is_where_requests_go_past_all_routes(
    api: httpx.AsyncClient,
    error: Exception,
    slug: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Jobs, "submit", fail)
    monkeypatch.setattr(Jobs, "read", fail)
    submission = await api.post("/v1/operations/echo", json={"text": "hi"})
    poll = await api.get(f"/v1/jobs/{new_job_id()}")
    for answer in (submission, poll):
        assert answer.json()["type"] == f"/problems/{slug}"
        assert answer.json()["correlation_id"] == answer.headers["x-correlation-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert str(error) not in answer.text
    logged = [record.exc_info and record.exc_info[1] for record in caplog.records if record.levelno == logging.ERROR]
    assert logged == ([error, error] if slug == "internal-error" else [])
