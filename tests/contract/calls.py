"""What clients do, and what every answer must be."""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

Steer = Callable[..., Awaitable[None]]
Json = dict[str, Any]

ECHO = "/v1/operations/echo"
CHECKOUT = "/v1/operations/checkout"
HI = {"text": "hi"}
CART = {"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
MEBIBYTE = 1_048_576

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def client_of(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=45, verify=False, trust_env=False)


def constant(seconds: float) -> Json:
    """A latency for the mock."""
    return {"distribution": "constant", "mean_seconds": seconds}


async def until_in_flight(mock: httpx.AsyncClient, calls: int, service: str = "echo") -> None:
    """Until the mock answers so many, no more and no fewer."""
    while (await mock.get(f"/_control/{service}")).json()["counters"]["in_flight"] != calls:
        await asyncio.sleep(0.01)


def hour_old_id(hours: float) -> str:
    """A UUIDv7 that nobody was given, of so many hours ago."""
    milliseconds = int((time.time() - hours * 3600) * 1000)
    bits = milliseconds << 80 | uuid.uuid4().int & (1 << 80) - 1
    return str(uuid.UUID(int=bits & ~(0xF << 76) | 7 << 76 & ~(0x3 << 62) | 0x2 << 62))


def problem_of(answer: httpx.Response, status: int, slug: str) -> Json:
    """The problem that this answer is; every one has what RFC 9457 and the contract ask for."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Json = answer.json()
    assert problem["type"] == f"/problems/{slug}", problem
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"]
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]
    assert "Traceback" not in answer.text
    return problem


def refused_for_now(answer: httpx.Response, slug: str) -> Json:
    problem = problem_of(answer, 503, slug)
    assert int(answer.headers["retry-after"]) >= 1
    return problem


async def submitted(api: httpx.AsyncClient, path: str = ECHO, **headers: str) -> Json:
    """A job that was just accepted, as the 202 shows it. Header names with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await api.post(path, json=HI if path == ECHO else CART, headers=named)
    assert answer.status_code == 202, answer.text
    job: Json = answer.json()
    return job


async def job_where(api: httpx.AsyncClient, job_id: str, true: Callable[[Json], bool]) -> Json:
    """The job once it is as asked, read again at each of its changes; the test's time limit ends it."""
    etag = '"none yet"'
    while True:
        answer = await api.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=5", "If-None-Match": etag})
        if answer.status_code == 304:
            await asyncio.sleep(0.05)  # one that has ended is not waited for, though its compensations still run
            continue
        assert answer.status_code == 200, answer.text
        if true(answer.json()):
            found: Json = answer.json()
            return found
        etag = answer.headers["etag"]


def ended(job: Json) -> bool:
    return job["status"] not in ("queued", "running")


async def a_running_job(api: httpx.AsyncClient, steer: Steer, **headers: str) -> Json:
    """An echo whose call is in flight, and takes a while."""
    await steer("echo", latency=constant(1.5))
    job = await submitted(api, ECHO, **headers)
    return await job_where(api, job["id"], lambda job: job["calls"]["echo"]["status"] == "running")


async def a_job_that_ended(api: httpx.AsyncClient, steer: Steer, status: str) -> Json:
    """A job in each of the terminal states."""
    if status == "cancelled":
        job = await a_running_job(api, steer)
        assert (await api.delete(f"/v1/jobs/{job['id']}")).status_code == 202
    elif status == "expired":
        job = await a_running_job(api, steer, request_timeout="1")
    else:
        await steer("echo", latency=constant(0), error_rate=float(status == "failed"), error_status=400)
        job = await submitted(api)
    job = await job_where(api, job["id"], ended)
    assert job["status"] == status, job
    return job
