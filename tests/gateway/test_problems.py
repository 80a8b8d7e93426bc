import logging

import httpx
import pytest
from fastapi import FastAPI
from redis.exceptions import ResponseError

from bff.broker.errors import BrokerUnavailable
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
