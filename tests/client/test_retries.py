"""A submission is repeated where that does no harm, and makes one job however often it is sent."""

import socket
import time

import pytest

from bff_client import Broken, Client, Refused, Unreachable
from tests.client.front import Fault, Front, Kind
from tests.contract.calls import HI

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


@pytest.mark.parametrize(
    "fault", [Fault.BUSY, Fault.IN_PROGRESS, Fault.TOO_SLOW, Fault.LOST, Fault.CLOSED, Fault.ERROR_PAGE]
)
async def test_what_was_refused_or_lost_is_sent_again_under_the_same_key(
    bff: Client, front: Front, fault: Fault
) -> None:
    front.once[Kind.SUBMIT] = [fault, fault]
    if fault is Fault.LOST:
        front.once[Kind.SUBMIT] = [fault]
    job = await bff.run("echo", HI, timeout=20)
    assert job.succeeded
    keys = front.headers(Kind.SUBMIT, "idempotency-key")
    assert len(keys) == front.seen[Kind.SUBMIT] >= 2
    assert len(set(keys)) == 1
    assert (await bff.submit("echo", HI, idempotency_key=keys[0])).id == job.id


async def test_each_submission_has_a_key_of_its_own(bff: Client, front: Front) -> None:
    await bff.submit("echo", HI)
    await bff.submit("echo", HI)
    assert len(set(front.headers(Kind.SUBMIT, "idempotency-key"))) == 2


async def test_each_attempt_tells_the_gateway_what_time_is_left(bff: Client, front: Front) -> None:
    front.once[Kind.SUBMIT] = [Fault.CLOSED, Fault.CLOSED]
    await bff.submit("echo", HI, timeout=20)
    told = [float(value) for value in front.headers(Kind.SUBMIT, "request-timeout")]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) == 3
    assert 18 < told[0] < 20


async def test_attempts_come_to_an_end(front: Front) -> None:
    front.faults[Kind.SUBMIT] = Fault.BUSY
    async with Client(front.url, attempts=3) as bff:
        with pytest.raises(Refused, match=r"queue-full \(503\): Not now") as raised:
            await bff.submit("echo", HI)
    assert front.seen[Kind.SUBMIT] == 3
    assert raised.value.retry_after == 0
    assert [raised.value.idempotency_key] * 3 == front.headers(Kind.SUBMIT, "idempotency-key")


async def test_a_refusal_that_outlasts_the_callers_time_is_told_at_once(bff: Client, front: Front) -> None:
    front.faults[Kind.SUBMIT] = Fault.BUSY_FOR_LONG
    begun = time.monotonic()
    with pytest.raises(Refused) as raised:
        await bff.run("echo", HI, timeout=20)
    assert time.monotonic() - begun < 15
    assert (raised.value.retry_after, front.seen[Kind.SUBMIT]) == (60, 1)


async def test_where_nobody_answers_the_submission_can_be_repeated_later(front: Front) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with Client(f"http://127.0.0.1:{port}", attempts=2) as bff:
        with pytest.raises(Unreachable) as raised:
            await bff.submit("echo", HI)
    assert raised.value.idempotency_key is not None
    async with Client(front.url) as bff:
        assert (await bff.run("echo", HI, idempotency_key=raised.value.idempotency_key)).succeeded


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.CLOSED, Fault.ERROR_PAGE])
async def test_submitting_ends_with_the_callers_time_too(front: Front, fault: Fault) -> None:
    front.faults[Kind.SUBMIT] = fault
    begun = time.monotonic()
    async with Client(front.url, attempts=1000) as bff:
        with pytest.raises((Unreachable, Broken)):
            await bff.run("echo", HI, timeout=1)
    assert time.monotonic() - begun < 8  # alone it would wait 10 s for an answer, and ask a thousand times


async def test_a_page_that_is_none_of_the_gateways_is_no_202(bff: Client, front: Front) -> None:
    front.faults[Kind.SUBMIT] = Fault.LOGIN_PAGE
    with pytest.raises(Unreachable):
        await bff.submit("echo", HI)
    assert front.seen[Kind.SUBMIT] == 1


async def test_reading_and_cancelling_are_repeated_too(bff: Client, front: Front) -> None:
    job = await bff.run("echo", HI)
    front.once[Kind.POLL] = [Fault.CLOSED, Fault.ERROR_PAGE]
    assert await bff.get(job) == job
    front.once[Kind.CANCEL] = [Fault.LOST]
    accepted = await bff.submit("report", {"month": "2026-01"})
    assert (await bff.cancel(accepted)).ended
    assert front.seen[Kind.CANCEL] == 2
