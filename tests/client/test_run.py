"""Submit and wait, by the client, against the whole stack."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import httpx
import pydantic
import pytest

from bff_client import (
    BffError,
    Channel,
    Client,
    Gone,
    Invalid,
    Job,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobStatus,
    NotCancellable,
    NotFound,
    TimedOut,
)
from bff_client.pace import request_timeout
from tests.client.front import Fault, Front, Kind
from tests.contract.calls import CART, HI, Steer, constant, hour_old_id

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("mock")]


class Reserved(pydantic.BaseModel):
    reservation_id: str
    cart_id: str


class OrderModel(pydantic.BaseModel):
    reserve: Reserved
    confirm: dict[str, str]


@dataclass
class OrderFacts:
    reserve: dict[str, Any]
    charge: dict[str, Any]
    confirm: dict[str, str]


class OrderDict(TypedDict):
    reserve: dict[str, Any]
    charge: dict[str, Any]
    confirm: dict[str, str]


def order_id(result: dict[str, Any]) -> str:
    found: str = result["confirm"]["order_id"]
    return found


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.usefixtures("quick")
async def test_a_job_is_run_by_each_channel_alone(bff: Client, front: Front, channel: Channel) -> None:
    said = {
        "text": "one\ntwo\r\nthree\u2028four\x85five \U0001f600 data: {}"
    }  # what may be taken for the end of a line
    job = await bff.run("echo", said, timeout=20, channels=[channel])
    assert (job.succeeded, job.result, job.data("echo")) == (True, {"echo": said}, said)
    assert {kind for kind in Kind if front.seen[kind]} == {Kind.SUBMIT, Kind(channel)}


@pytest.mark.parametrize("channel", Channel)
async def test_progress_is_told_in_order_and_once_from_the_202_to_the_end(
    bff: Client, steer: Steer, channel: Channel
) -> None:
    await steer("payments", latency=constant(2.2))  # in which a poll brings nothing new
    told: list[Job] = []
    job = await bff.run("checkout", CART, timeout=30, on_progress=told.append, channels=[channel])
    assert (told[0].version, told[0].progress.done, told[0].progress.total) == (0, 0, 3)
    versions = [state.version for state in told]
    assert versions == sorted(set(versions))
    assert [state.progress.done for state in told] == sorted(state.progress.done for state in told)
    assert len(told) >= 3
    assert told[-1] == job
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.submitted_at <= job.started_at <= job.finished_at < job.deadline


@pytest.mark.usefixtures("quick")
async def test_progress_may_be_awaited(bff: Client) -> None:
    told: asyncio.Queue[JobStatus] = asyncio.Queue()

    async def tell(job: Job) -> None:
        await told.put(job.status)

    await bff.run("echo", HI, timeout=20, on_progress=tell)
    assert await told.get() is JobStatus.QUEUED


@pytest.mark.usefixtures("quick")
async def test_what_a_callback_raises_ends_the_wait_and_is_not_taken_for_a_timeout(bff: Client) -> None:
    def tell(job: Job) -> None:
        raise TimeoutError(job.id)

    with pytest.raises(TimeoutError):
        await bff.run("echo", HI, timeout=20, on_progress=tell)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("type_", "read"),
    [
        (OrderModel, lambda order: order.confirm["order_id"]),
        (OrderFacts, lambda order: order.confirm["order_id"]),
        (OrderDict, lambda order: order["confirm"]["order_id"]),
        (order_id, lambda order: order),
    ],
)
async def test_a_result_comes_as_what_is_asked_for(
    bff: Client, type_: Callable[..., Any], read: Callable[[Any], str]
) -> None:
    order = await bff.run("checkout", CART, timeout=20, result=type_)
    assert len(read(order)) == 36
    job = await bff.run("checkout", CART, timeout=20)
    assert len(read(job.result_as(type_))) == 36
    reserved = job.data("reserve", Reserved)
    assert reserved is not None
    assert reserved.cart_id == "c1"


async def test_a_failed_job_is_raised_and_carried(bff: Client, steer: Steer) -> None:
    await steer("payments", latency=constant(0), error_rate=1, error_status=402)
    with pytest.raises(JobFailed, match="charge") as raised:
        await bff.run("checkout", CART, timeout=20)
    assert raised.value.job.status is JobStatus.FAILED
    assert raised.value.job.error is not None
    assert raised.value.job.error.members["call"] == "charge"
    assert (await bff.wait(raised.value.job.id)).status is JobStatus.FAILED  # waiting alone does not judge
    with pytest.raises(JobFailed):
        await bff.result(raised.value.job.id)


async def test_what_is_too_late_expires_by_the_gateways_word_and_within_the_callers_time(
    bff: Client, steer: Steer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy gateway is given longer for its word than the tenth of the caller's time that it usually has."""
    assert 3 < request_timeout(4) < 4
    monkeypatch.setattr("bff_client.client.request_timeout", lambda left: left - 26)
    await steer("echo", latency=constant(8))
    with pytest.raises(JobExpired) as raised:
        await bff.run("echo", HI, timeout=30)
    asked = raised.value.job.deadline - raised.value.job.submitted_at
    assert 0 < asked.total_seconds() <= 4


async def test_a_cancelled_job_is_raised(bff: Client, steer: Steer) -> None:
    await steer("echo", latency=constant(5))
    accepted = await bff.submit("echo", HI)
    cancelled = await bff.cancel(accepted)
    assert cancelled.status is JobStatus.CANCELLED
    assert (await bff.cancel(accepted)).status is JobStatus.CANCELLED
    with pytest.raises(JobCancelled):
        await bff.result(accepted.id)


@pytest.mark.parametrize("channel", Channel)
async def test_a_wait_ends_when_the_callers_time_does_and_the_job_goes_on(
    bff: Client, steer: Steer, channel: Channel
) -> None:
    await steer("payments", latency=constant(30))
    accepted = await bff.submit("checkout", CART)
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=accepted.id) as raised:
        await bff.wait(accepted, timeout=1, channels=[channel])
    assert 0.9 < time.monotonic() - begun < 20  # the job's own deadline is 60 s
    assert raised.value.job is not None
    assert raised.value.job.id == accepted.id
    assert not (await bff.get(accepted)).ended
    await bff.cancel(accepted)


async def test_a_job_that_is_wanted_no_more_is_cancelled_where_that_is_asked(
    bff: Client, steer: Steer, front: Front
) -> None:
    await steer("echo", latency=constant(5))
    front.faults = dict.fromkeys(Channel, Fault.SILENT)  # so that the time is over before the gateway's verdict comes
    with pytest.raises(TimedOut) as raised:
        await bff.run("echo", HI, timeout=1, cancel_on_timeout=True)
    front.faults = {}
    assert (await bff.get(raised.value.job_id)).status in (JobStatus.CANCELLED, JobStatus.EXPIRED)
    assert front.seen[Kind.CANCEL] == 1


async def test_cancelling_the_task_cancels_the_job_where_that_is_asked(bff: Client, steer: Steer) -> None:
    await steer("echo", latency=constant(5))
    accepted: asyncio.Queue[Job] = asyncio.Queue()
    running = asyncio.create_task(bff.run("echo", HI, on_progress=accepted.put, cancel_on_timeout=True))
    job = await accepted.get()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await bff.get(job)).status is JobStatus.CANCELLED


async def test_a_job_whose_202_is_still_on_its_way_is_cancelled_too(
    bff: Client, steer: Steer, front: Front, api: httpx.AsyncClient
) -> None:
    """It was accepted, whether or not somebody still waits for the answer."""
    await steer("echo", latency=constant(5))
    front.once[Kind.SUBMIT] = [Fault.LOST]
    key = "cancelled-while-submitting"
    running = asyncio.create_task(bff.run("echo", HI, idempotency_key=key, cancel_on_timeout=True))
    await front.until(lambda: front.seen[Kind.SUBMIT] == 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    repeated = await api.post("/v1/operations/echo", json=HI, headers={"Idempotency-Key": key})
    assert (repeated.headers["idempotency-replayed"], repeated.json()["status"]) == ("true", "cancelled")


async def test_a_job_is_watched_from_its_id_alone_to_its_end(bff: Client, steer: Steer) -> None:
    await steer("payments", latency=constant(0.3))
    accepted = await bff.submit("checkout", CART)
    states = [job async for job in bff.watch(accepted.id)]
    assert states[-1].succeeded
    assert [job.version for job in states] == sorted({job.version for job in states})
    assert states[-1].result == await bff.result(accepted)
    assert [job async for job in bff.watch(states[-1])] == [states[-1]]
    with pytest.raises(NotCancellable, match="succeeded"):
        await bff.cancel(accepted)


async def test_priority_and_key_are_sent_and_a_repeated_key_finds_the_same_job(bff: Client) -> None:
    first = await bff.submit("echo", HI, priority="high", idempotency_key="greeting")
    again = await bff.submit("echo", HI, priority="high", idempotency_key="greeting")
    assert (first.priority, again.id) == ("high", first.id)


async def test_whom_to_notify_is_sent(bff: Client, front: Front) -> None:
    with pytest.raises(Invalid, match="Request-Notify"):  # `public` has no addresses
        await bff.submit("echo", HI, notify="mailto:somebody@mail.example")
    assert front.headers(Kind.SUBMIT, "request-notify") == ["mailto:somebody@mail.example"]


async def test_parameters_that_are_wrong_are_said_where_and_sent_once(bff: Client, front: Front) -> None:
    with pytest.raises(Invalid, match="/text") as raised:
        await bff.run("echo", {"text": ""})
    assert [error["pointer"] for error in raised.value.errors] == ["/text"]
    with pytest.raises(Invalid, match="unknown-operation"):
        await bff.run("eco", HI)
    with pytest.raises(ValueError, match="JSON compliant"):
        await bff.run("echo", {"text": float("nan")})
    assert front.seen[Kind.SUBMIT] == 2


async def test_an_id_from_a_stranger_stays_an_id(bff: Client, front: Front) -> None:
    with pytest.raises(BffError):
        await bff.get("../../livez?")
    assert front.heads[-1].startswith("GET /v1/jobs/..%2F..%2Flivez%3F HTTP/1.1")


@pytest.mark.parametrize("channel", Channel)
async def test_an_unknown_job_is_not_waited_for(bff: Client, channel: Channel) -> None:
    with pytest.raises(NotFound):
        await bff.wait(hour_old_id(0), channels=[channel])
    with pytest.raises(Gone):
        await bff.wait(hour_old_id(30), channels=[channel])


@pytest.mark.parametrize("wrong", [[], ["carrier pigeon"], "poll"])
async def test_channels_that_are_none_are_refused(bff: Client, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"pigeon|channels is a list"):
        await bff.wait("some-job", channels=wrong)


async def test_a_timeout_or_an_address_that_is_none_is_refused(bff: Client) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        await bff.run("echo", HI, timeout=0)
    with pytest.raises(ValueError, match="begins with http"):
        Client("gateway.example")
