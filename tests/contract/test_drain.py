"""SIGTERM: nothing new is taken, what is held goes out whole."""

import asyncio
import signal

import httpx
import pytest

from tests.contract.calls import CHECKOUT, ECHO, Steer, client_of, constant, problem_of, submitted
from tests.contract.stack import Up, gateway
from tests.contract.wire import answer_in, connection, read_all, request

pytestmark = pytest.mark.anyio


async def test_a_long_poll_is_released_with_the_present_state(api: httpx.AsyncClient, stack: Up, steer: Steer) -> None:
    await steer("payments", latency=constant(9))
    with gateway(stack.redis_url) as other:
        async with client_of(other.url) as leaving:
            job = await submitted(leaving, CHECKOUT)
            poll = asyncio.create_task(leaving.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"}))
            while 'bff_waiters{channel="long_poll"} 1.0' not in (await leaving.get("/metrics")).text:
                assert not poll.done()
            other.process.send_signal(signal.SIGTERM)
            answer = await poll
    assert (answer.status_code, answer.json()["id"]) == (200, job["id"])
    assert answer.json()["status"] in ("queued", "running")
    assert answer.headers["preference-applied"] == "wait=30"
    await api.delete(f"/v1/jobs/{job['id']}")
    await steer("payments", latency=constant(0))


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
