"""Request-Priority and Request-Timeout."""

from datetime import datetime

import httpx
import pytest

from tests.contract.calls import ECHO, HI, Json, problem_of, submitted

pytestmark = pytest.mark.anyio


def seconds_given(job: Json) -> float:
    return (datetime.fromisoformat(job["deadline"]) - datetime.fromisoformat(job["submitted_at"])).total_seconds()


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
async def test_a_job_has_the_priority_that_was_asked_for(api: httpx.AsyncClient, priority: str) -> None:
    assert (await submitted(api, request_priority=priority))["priority"] == priority


async def test_a_job_is_of_normal_priority_where_nothing_was_said(api: httpx.AsyncClient) -> None:
    assert (await submitted(api))["priority"] == "normal"


@pytest.mark.parametrize("priority", ["", "urgent", "high, low", "0", "é"])
async def test_a_priority_that_is_none_is_told_which_there_are(api: httpx.AsyncClient, priority: str) -> None:
    answer = await api.post(ECHO, json=HI, headers=[(b"Request-Priority", priority.encode("latin-1"))])
    problem = problem_of(answer, 400, "invalid-header")
    assert problem["header"] == "Request-Priority"
    assert "high, normal, low" in problem["detail"]


@pytest.mark.parametrize(
    ("asked", "given"),
    [("30", 30), ("2.5", 2.5), ("120", 120), ("121", 120), ("99999999999999", 120), ("0120.00", 120)],
)
async def test_a_job_has_the_time_that_was_asked_for_up_to_the_maximum(
    api: httpx.AsyncClient, asked: str, given: float
) -> None:
    assert seconds_given(await submitted(api, request_timeout=asked)) == given


@pytest.mark.parametrize("asked", ["", "0", "0.0", "-1", "1e3", "NaN", "inf", "soon", "1,5", "5 s", "0x10"])
async def test_a_time_that_is_none_is_refused(api: httpx.AsyncClient, asked: str) -> None:
    problem = problem_of(await api.post(ECHO, json=HI, headers={"Request-Timeout": asked}), 400, "invalid-header")
    assert problem["header"] == "Request-Timeout"
    assert "seconds" in problem["detail"]


@pytest.mark.parametrize("name", ["Request-Priority", "Request-Timeout"])
async def test_a_header_that_can_say_one_thing_only_is_refused_twice(api: httpx.AsyncClient, name: str) -> None:
    lines = [(name, "5"), (name, "5")]
    assert problem_of(await api.post(ECHO, json=HI, headers=lines), 400, "invalid-header")["header"] == name


@pytest.mark.parametrize("traceparent", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "nonsense", ""])
async def test_a_trace_context_never_turns_a_request_away(api: httpx.AsyncClient, traceparent: str) -> None:
    await submitted(api, traceparent=traceparent, tracestate="a=b")


async def test_no_mail_goes_out_for_the_public_client(api: httpx.AsyncClient) -> None:
    headers = {"Request-Notify": "mailto:someone@example.com"}
    problem = problem_of(await api.post(ECHO, json=HI, headers=headers), 400, "invalid-header")
    assert problem["header"] == "Request-Notify"
