"""SIGTERM: nothing new is taken, what is held goes out whole."""

import asyncio
import signal

import httpx
import pytest

from tests.contract.calls import ECHO, Steer, a_running_job, client_of, problem_of
from tests.contract.stack import Up, gateway
from tests.contract.wire import answer_in, connection, read_all, request

pytestmark = pytest.mark.anyio


async def test_a_long_poll_is_released_with_the_present_state(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    await steer("echo", latency={"distribution": "constant", "mean_seconds": 1.9})
    job = await a_running_job(api, steer)
    with gateway(stack.redis_url) as other:
        async with client_of(other.url) as leaving:
            poll = asyncio.create_task(leaving.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"}))
            while 'bff_waiters{channel="long_poll"} 1.0' not in (await leaving.get("/metrics")).text:
                pass
            other.process.send_signal(signal.SIGTERM)
            answer = await poll
    assert answer.status_code == 200
    assert answer.json()["id"] == job["id"]
    assert answer.headers["preference-applied"] == "wait=30"


def test_a_submission_that_comes_too_late_is_refused(stack: Up) -> None:
    head = request(
        "POST", ECHO, "Content-Type: application/json", "Content-Length: 14", "Expect: 100-continue", "Prefer: wait=5"
    )
    with gateway(stack.redis_url) as leaving, connection(leaving.url) as wire:
        wire.sendall(head)
        assert wire.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        leaving.process.send_signal(signal.SIGTERM)
        while True:  # the listening socket is closed once the signal has been seen
            try:
                connection(leaving.url).close()
            except OSError:
                break
        wire.sendall(b'{"text": "hi"}')
        answer = answer_in(read_all(wire)).as_response()
        problem_of(answer, 503, "draining")
        assert int(answer.headers["retry-after"]) >= 1
