"""A webhook is told of a job's end: by real processes, verified by the public library."""

import time
import uuid
from collections.abc import Iterator

import pytest

from bff.catalog.clients import new_webhook_secret
from tests.contract.calls import ECHO, HI, client_of, submitted
from tests.contract.receiver import Receiver, receiver
from tests.contract.stack import Up, gateway, worker

pytestmark = pytest.mark.anyio

NEW, OLD = new_webhook_secret(), new_webhook_secret()
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture(scope="module")
def url(stack: Up, hook: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway and a worker that may tell the receiver, though it is neither https nor public."""
    clients = tmp_path_factory.mktemp("clients") / "clients.toml"
    clients.write_text(f'[clients.public]\nwebhook_secrets = ["{NEW}", "{OLD}"]\n')
    options = (
        f"--clients={clients}",
        f"--webhook-allowed={hook.origin}",
        f"--downstream-url={stack.mock_url}",
        f"--key-prefix=webhook-{uuid.uuid4().hex[:8]}",
    )
    with gateway(stack.redis_url, *options) as alone, worker(stack.redis_url, *options):
        yield alone.url


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
