"""A webhook is told of a job's end: by real processes, verified by the public library."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from bff.catalog.clients import new_webhook_secret
from tests.contract.calls import ECHO, HI, Steer, client_of, submitted
from tests.contract.receiver import Receiver, receiver
from tests.contract.stack import Command, Gateway, Up, gateway, worker

pytestmark = pytest.mark.anyio

NEW, OLD = new_webhook_secret(), new_webhook_secret()
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture(scope="module")
def parts(stack: Up, hook: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Command]]:
    """A gateway and a worker that may tell the receiver, though it is neither https nor public. They say all."""
    clients = tmp_path_factory.mktemp("clients") / "clients.toml"
    clients.write_text(f'[clients.public]\nwebhook_secrets = ["{NEW}", "{OLD}"]\n')
    options = (
        f"--clients={clients}",
        f"--webhook-allowed={hook.origin}",
        f"--downstream-url={stack.mock_url}",
        f"--key-prefix=webhook-{uuid.uuid4().hex[:8]}",
        "--log-format=json",
        "--log-level=debug",
    )
    with gateway(stack.redis_url, *options) as alone, worker(stack.redis_url, *options) as working:
        yield alone, working


@pytest.fixture(scope="module")
def url(parts: tuple[Gateway, Command]) -> str:
    return parts[0].url


async def test_the_end_of_a_job_is_told_signed_and_without_its_result(url: str, hook: Receiver) -> None:
    async with client_of(url) as api:
        job = await submitted(api, ECHO, request_notify=f"{hook.origin}/jobs?a=%2F", traceparent=TRACEPARENT)
        delivery = hook.next()
        read = (await api.get(f"/v1/jobs/{job['id']}")).json()
    assert delivery.path == "/jobs?a=%2F"
    assert delivery.id == job["id"]
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["traceparent"] == TRACEPARENT
    assert abs(int(delivery.headers["webhook-timestamp"]) - time.time()) < 5
    event = delivery.verified(NEW)
    assert event == delivery.verified(OLD), "both sign while one replaces the other"
    assert event["type"] == "job.succeeded"
    assert event["timestamp"] == read["finished_at"]
    assert read.pop("result") == {"echo": HI}
    assert event["data"] == read


async def test_it_is_told_well_within_a_second(url: str, hook: Receiver) -> None:
    async with client_of(url) as api:
        began = time.monotonic()
        for _ in range(5):
            await submitted(api, ECHO, request_notify=hook.origin)
        for _ in range(5):
            hook.next()
    assert time.monotonic() - began < 3


async def test_a_job_that_does_not_succeed_is_told_as_well(url: str, hook: Receiver) -> None:
    async with client_of(url) as api:
        job = await submitted(api, "/v1/operations/checkout", request_notify=f"{hook.origin}; when=always")
        assert (await api.delete(f"/v1/jobs/{job['id']}")).is_success
    event = hook.next().verified(NEW)
    assert (event["type"], event["data"]["id"]) == ("job.cancelled", job["id"])
    assert event["data"]["error"]["type"] == "/problems/job-cancelled"


async def test_a_repeated_submission_is_told_once_and_as_the_first_one_asked(url: str, hook: Receiver) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    async with client_of(url) as api:
        first = await api.post(ECHO, json=HI, headers={**key, "Request-Notify": f"{hook.origin}/first"})
        again = await api.post(ECHO, json=HI, headers={**key, "Request-Notify": f"{hook.origin}/second"})
        assert first.json()["id"] == again.json()["id"]
        assert hook.next().path == "/first"
        await submitted(api, ECHO, request_notify=f"{hook.origin}/third")
    assert hook.next().path == "/third"


async def test_the_way_of_a_job_can_be_read_from_the_lines_of_all_processes(
    parts: tuple[Gateway, Command], hook: Receiver, steer: Steer
) -> None:
    """Accepted, failed once, repeated, done, told: each line with the job's id, and none with what it was about."""
    at_gateway, at_worker = parts
    await steer("echo", error_rate=1, error_status=503, retry_after_seconds=1)
    async with client_of(at_gateway.url) as api:
        body = {"text": "hunter2 in the body"}
        headers = {"traceparent": TRACEPARENT, "Request-Notify": f"{hook.origin}/hunter2?token=hunter2"}
        answer = await api.post(ECHO, json=body, headers={**headers, "Authorization": "Bearer hunter2"})
        job_id = answer.json()["id"]
        await lines_about(at_worker, job_id, "attempt failed")
        await steer("echo", error_rate=0)
        hook.next()
    way = await lines_about(at_worker, job_id, "webhook to")
    accepted = await lines_about(at_gateway, job_id, "answered")

    [first] = [line for line in accepted if line["message"] == "answered with 202"]
    about_it = {"correlation_id": job_id, "operation": "echo", "priority": "normal", "mode": "async"}
    traced = {"trace_id": TRACEPARENT[3:35]}
    assert {"level": "debug", "logger": "gateway.submission.traced", "client": "public"}.items() <= first.items()
    assert (about_it | traced | {"outcome": "accepted"}).items() <= first.items()

    failed, *more, done, ended, told = way
    call = about_it | traced | {"service": "echo", "call": "echo"}
    assert (call | {"level": "info", "attempt": 1, "outcome": "http-status"}).items() <= failed.items()
    assert all(line["message"].startswith("attempt failed") for line in more)
    assert (call | {"level": "debug", "attempt": len(more) + 2, "outcome": "succeeded"}).items() <= done.items()
    assert (about_it | {"outcome": "succeeded"}).items() <= ended.items()
    assert told["message"] == f"webhook to {hook.origin}: delivered"
    assert (about_it | traced | {"service": "webhook", "attempt": 1, "outcome": "delivered"}).items() <= told.items()
    assert [line["time"] for line in way] == sorted(line["time"] for line in way)


async def test_what_makes_no_job_is_found_by_the_id_in_its_answer(parts: tuple[Gateway, Command], url: str) -> None:
    async with client_of(url) as api:
        answer = await api.post(ECHO, json={"text": 5})
    [line] = await lines_about(parts[0], answer.headers["x-correlation-id"], "answered with 422")
    assert line["outcome"] == "invalid-parameters"


async def test_all_that_these_processes_have_said_are_objects_and_no_secret_is_in_them(
    parts: tuple[Gateway, Command], hook: Receiver, url: str
) -> None:
    async with client_of(url) as api:
        await api.post(ECHO, json={"text": "x"}, headers={"Prefer": "wait=5"})
    said = [line for part in parts for line in part.seen]
    assert all(json.loads(line)["message"] for line in said)
    assert [line for line in said if any(secret in line for secret in ("hunter2", NEW, OLD, "whsec_", "token="))] == []


async def lines_about(part: Command, job_id: str, until: str) -> list[dict[str, Any]]:
    """What was said of it, once this was."""
    while True:
        about = [line for line in map(json.loads, tuple(part.seen)) if line.get("correlation_id") == job_id]
        if any(line["message"].startswith(until) for line in about):
            return about
        await asyncio.sleep(0.01)
