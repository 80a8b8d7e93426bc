"""Operators see queues, services, workers and jobs, pause services and force breakers, over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bff.broker.workers import Held, beat
from bff.catalog.model import Priority
from tests.broker.world import World
from tests.contract.calls import ECHO, HI, Json, hour_old_id, problem_of, refused_for_now, submitted

pytestmark = pytest.mark.anyio

SERVICES = "/admin/v1/services"


async def named(operator: httpx.AsyncClient, noun: str, name: str) -> Json:
    """The one of that name, of what there is."""
    answer = await operator.get(f"/admin/v1/{noun}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    [found] = [each for each in answer.json()[noun] if name in (each.get("service"), each.get("worker"))]
    return dict(found)


@pytest.fixture
async def steered(operator: httpx.AsyncClient) -> AsyncIterator[None]:
    """Afterwards as it was."""
    yield
    await operator.post(f"{SERVICES}/echo/resume")
    for state in ("closed", "auto"):
        await operator.put(f"{SERVICES}/echo/breaker", json={"state": state})


async def test_queues_are_shown_with_what_waits_what_may_and_what_a_newcomer_would_wait(
    operator: httpx.AsyncClient, world: World
) -> None:
    before = await named(operator, "queues", "reports")
    await world.accepted("report", parameters=b"{}", priority=Priority.LOW, timeout_ms=60_000)
    queue = await named(operator, "queues", "reports")
    assert queue["depth"] == before["depth"] + 1
    assert queue["capacity"] == world.catalog.services["reports"].capacity
    assert set(queue) == {"service", "depth", "capacity", "in_flight", "parked", "again", "lanes"}
    high, _, low = queue["lanes"]
    assert [lane["priority"] for lane in queue["lanes"]] == ["high", "normal", "low"]
    assert low["depth"] == before["lanes"][2]["depth"] + 1
    assert (low["shed_at"], high["shed_at"]) == (queue["capacity"] * 3 // 4, None)
    assert low["predicted_wait_seconds"] > 0
    assert not low["shedding"]


async def test_a_service_is_shown_with_its_limits_and_how_it_stands(operator: httpx.AsyncClient, world: World) -> None:
    payments = world.catalog.services["payments"]
    shown = await named(operator, "services", "payments")
    assert shown["max_concurrency"] == payments.max_concurrency
    assert shown["rate_per_second"] == (payments.rate_per_second or None)
    assert shown["breaker"] == {"state": "closed", "until": None, "forced": None}
    assert (shown["paused"], shown["retry_budget"], shown["in_flight"]) == (None, 10, 0)
    assert shown["slow_seconds"] == payments.expected_seconds


@pytest.mark.usefixtures("steered")
async def test_a_service_is_paused_until_it_is_resumed(operator: httpx.AsyncClient) -> None:
    paused = await operator.post(f"{SERVICES}/echo/pause")
    assert (paused.status_code, paused.json()["paused"]) == (200, {"by": "operator", "until": None})
    problem = refused_for_now(await operator.post(ECHO, json=HI), "downstream-unavailable")
    assert problem["service"] == "echo"
    resumed = await operator.post(f"{SERVICES}/echo/resume")
    assert (resumed.status_code, resumed.json()["paused"]) == (200, None)
    await submitted(operator)


@pytest.mark.usefixtures("steered")
async def test_a_pause_can_have_an_end_that_waiting_is_predicted_with(operator: httpx.AsyncClient) -> None:
    paused = await operator.post(f"{SERVICES}/echo/pause", json={"seconds": 5})
    assert paused.json()["paused"]["until"]
    assert 4 < (await submitted(operator))["estimated_seconds"] <= 6
    await operator.post(f"{SERVICES}/echo/pause", json={"seconds": 3600})
    problem = refused_for_now(await operator.post(ECHO, json=HI), "deadline-unattainable")
    assert 3590 < problem["predicted_wait_seconds"] <= 3600


@pytest.mark.usefixtures("steered")
async def test_a_breaker_is_forced_open_and_closed_and_left_to_itself(operator: httpx.AsyncClient) -> None:
    path = f"{SERVICES}/echo/breaker"
    opened = (await operator.put(path, json={"state": "open"})).json()["breaker"]
    assert opened == {"state": "open", "until": None, "forced": "open"}
    refused_for_now(await operator.post(ECHO, json=HI), "downstream-unavailable")
    assert (await operator.put(path, json={"state": "auto"})).json()["breaker"]["state"] == "half-open"
    await submitted(operator)
    closed = (await operator.put(path, json={"state": "closed"})).json()["breaker"]
    assert closed == {"state": "closed", "until": None, "forced": "closed"}
    assert (await operator.put(path, json={"state": "auto"})).json()["breaker"]["forced"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("POST", "nothing/pause", None, 404, "unknown-service"),
        ("POST", "nothing/resume", None, 404, "unknown-service"),
        ("PUT", "nothing/breaker", '{"state": "open"}', 404, "unknown-service"),
        ("POST", "echo/pause", '{"seconds": 0}', 422, "invalid-parameters"),
        ("POST", "echo/pause", '{"seconds": 86401}', 422, "invalid-parameters"),
        ("POST", "echo/pause", '{"seconds": "5"}', 422, "invalid-parameters"),
        ("POST", "echo/pause", '{"minutes": 5}', 422, "invalid-parameters"),
        ("POST", "echo/pause", "{", 400, "malformed-json"),
        ("PUT", "echo/breaker", '{"state": "half-open"}', 422, "invalid-parameters"),
        ("PUT", "echo/breaker", None, 400, "malformed-json"),
    ],
)
async def test_what_cannot_be_done_is_said_and_not_done(
    operator: httpx.AsyncClient, method: str, path: str, body: str | None, status: int, slug: str
) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    answer = await operator.request(method, f"{SERVICES}/{path}", content=body, headers=headers)
    problem_of(answer, status, slug)
    shown = await named(operator, "services", "echo")
    assert (shown["paused"], shown["breaker"]["forced"]) == (None, None)


async def test_every_place_where_a_body_is_wrong_is_listed(operator: httpx.AsyncClient) -> None:
    problem = problem_of(await operator.put(f"{SERVICES}/echo/breaker", json={"a/b": 1}), 422, "invalid-parameters")
    assert {each["pointer"] for each in problem["errors"]} == {"/state", "/a~1b"}


async def test_workers_are_shown_with_what_they_hold(operator: httpx.AsyncClient, world: World) -> None:
    await beat(world.cell, "w7", up_ms=5_000, draining=True, services={"echo": Held(1, 2)})
    worker = await named(operator, "workers", "w7")
    assert worker["draining"]
    assert worker["services"] == {"echo": {"busy": 1, "leased": 2}}
    assert worker["since"] < worker["seen"]


async def test_the_overview_is_all_of_that(operator: httpx.AsyncClient) -> None:
    overview = (await operator.get("/admin/v1/overview")).json()
    assert set(overview) == {"at", "queues", "services", "workers", "rollout", "dead_letters"}
    assert len(overview["queues"]) == len(overview["services"]) > 1
    assert {"operation": "echo", "async_percent": 100.0} in overview["rollout"]


async def test_any_job_is_found_with_its_timeline_and_without_what_it_is_about(
    operator: httpx.AsyncClient, world: World
) -> None:
    job_id = await world.accepted("echo", client="shop", parameters=b'{"text":"my secret"}')
    await world.do(service="echo")
    answer = await operator.get(f"/admin/v1/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["client"], found["job"]["status"], found["job"]["id"]) == ("shop", "succeeded", job_id)
    assert "result" not in found["job"]
    assert "secret" not in answer.text
    assert [event["event"] for event in found["timeline"]] == ["submitted", "queued", "taken", "ended", "finished"]
    taken = found["timeline"][2]
    assert (taken["call"], taken["by"], taken["attempt"]) == ("echo", "w1", 1)
    assert taken["queued_seconds"] >= 0
    assert found["timeline"][3]["http_status"] == 200


async def test_a_job_that_was_submitted_over_http_names_its_gateway_and_that_it_was_fetched(
    operator: httpx.AsyncClient, world: World
) -> None:
    job = await submitted(operator)
    await world.do(service="echo")
    assert (await operator.get(f"/v1/jobs/{job['id']}")).json()["status"] == "succeeded"
    timeline: list[Json] = []
    while not timeline or timeline[-1]["event"] != "fetched":  # it is noted beside the answer
        timeline = (await operator.get(f"/admin/v1/jobs/{job['id']}")).json()["timeline"]
    assert timeline[0]["event"] == "submitted"
    assert timeline[0]["by"]


@pytest.mark.parametrize(
    ("job_id", "status", "slug"),
    [("x", 404, "unknown-job"), (hour_old_id(0), 404, "unknown-job"), (hour_old_id(30), 410, "job-gone")],
    ids=["no id", "unknown", "gone"],
)
async def test_a_job_that_is_not_there_is_said_to_be_so(
    operator: httpx.AsyncClient, job_id: str, status: int, slug: str
) -> None:
    problem = problem_of(await operator.get(f"/admin/v1/jobs/{job_id}"), status, slug)
    assert problem["detail"] == ("No job has this id." if status == 404 else "Jobs of that time are no longer kept.")
