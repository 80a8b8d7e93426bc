"""Waiting goes on by the next channel when one fails, and comes back to the better one later."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from bff_client import Channel, Client, Job, Patience, Unreachable, events, websocket
from tests.client.conftest import HASTY
from tests.client.front import Fault, Front, Kind, front_of
from tests.contract.calls import CART, HI, Steer, constant
from tests.contract.stack import Gateway, Up, gateway

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("mock")]

LADDER = list(Channel)


async def heard(job: Job, told: "asyncio.Queue[Job]") -> Job:
    """The next state of this job that its waiter is told."""
    async with asyncio.timeout(60):
        while (state := await told.get()).id != job.id:
            pass
    return state


@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.SILENT, Fault.ERROR_PAGE, Fault.LOGIN_PAGE, Fault.BUSY])
@pytest.mark.parametrize("broken", [1, 2, 3])
async def test_a_channel_that_does_not_work_here_gives_way_to_the_next(
    bff: Client, front: Front, steer: Steer, broken: int, fault: Fault
) -> None:
    await steer("echo", latency=constant(0.2))
    front.faults = {Kind(channel): fault for channel in LADDER[:broken]}
    begun = time.monotonic()
    assert (await bff.run("echo", HI, timeout=120)).succeeded
    assert time.monotonic() - begun < 30  # a quarter of that is what it would wait for a single channel
    assert front.seen[Kind(LADDER[broken])] >= 1
    for channel in LADDER[broken + 1 :]:
        assert front.seen[Kind(channel)] == 0


async def test_an_event_stream_that_a_proxy_keeps_back_gives_way_to_the_long_poll(
    bff: Client, front: Front, steer: Steer
) -> None:
    await steer("echo", latency=constant(1.5))
    front.faults = {Kind.WEBSOCKET: Fault.CLOSED, Kind.SSE: Fault.KEPT_BACK}
    assert (await bff.run("echo", HI, timeout=20)).succeeded
    assert front.seen[Kind.LONG_POLL] >= 1


async def test_falling_through_all_channels_fits_into_the_callers_time(front: Front, steer: Steer) -> None:
    """With the patience that clients have by default: each channel gets a share of what is left."""
    await steer("echo", latency=constant(0.1))
    front.faults = dict.fromkeys((Kind.WEBSOCKET, Kind.SSE, Kind.LONG_POLL), Fault.SILENT)
    async with Client(front.url) as bff:
        begun = time.monotonic()
        assert (await bff.run("echo", HI, timeout=8)).succeeded
        assert time.monotonic() - begun < 8


@pytest.mark.usefixtures("quick")
async def test_a_channel_that_failed_is_left_alone_by_the_next_wait(bff: Client, front: Front) -> None:
    front.faults = {Kind.WEBSOCKET: Fault.CLOSED, Kind.SSE: Fault.ERROR_PAGE}
    for _ in range(3):
        assert (await bff.run("echo", HI, timeout=20)).succeeded
    assert (front.seen[Kind.WEBSOCKET], front.seen[Kind.SSE]) == (1, 1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.ERROR_PAGE, Fault.LOGIN_PAGE])
async def test_a_channel_that_is_refused_is_not_waited_for(front: Front, fault: Fault) -> None:
    front.faults = dict.fromkeys((Kind.WEBSOCKET, Kind.SSE), fault)
    async with Client(front.url, patience=Patience(trial_seconds=60)) as bff:
        begun = time.monotonic()
        assert (await bff.run("echo", HI)).succeeded
        assert time.monotonic() - begun < 30


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("channel", LADDER)
async def test_a_wait_is_over_as_soon_as_its_job_has_ended(
    bff: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause before an event stream is opened anew is none that a wait is to end with."""
    monkeypatch.setattr(events, "AGAIN_SECONDS", 60.0)
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)
    async with asyncio.timeout(45):
        assert (await bff.run("echo", HI, channels=[channel])).succeeded


async def test_a_long_wait_comes_back_to_a_better_channel(front: Front, steer: Steer) -> None:
    await steer("payments", latency=constant(30))
    front.faults = {Kind.WEBSOCKET: Fault.CLOSED, Kind.SSE: Fault.CLOSED, Kind.LONG_POLL: Fault.CLOSED}
    async with Client(front.url, patience=replace(HASTY, rest_seconds=0.5)) as bff:
        job = await bff.submit("checkout", CART)
        waiting = asyncio.create_task(bff.wait(job))
        await front.until(lambda: front.seen[Kind.POLL] == 1)
        front.faults = {}
        await front.until(lambda: front.open(Kind.WEBSOCKET) == 1)
        await bff.cancel(job)
        assert (await waiting).ended


@pytest.mark.parametrize("channel", [Channel.WEBSOCKET, Channel.SSE, Channel.LONG_POLL])
@pytest.mark.parametrize("strike", [Front.cut, Front.strand])
async def test_a_connection_that_is_lost_in_the_middle_of_a_wait_loses_no_news(
    bff: Client, front: Front, steer: Steer, channel: Channel, strike: Callable[[Front, Kind], None]
) -> None:
    """Cut off by a reset, or forgotten by a firewall: nothing goes through any more, and nobody is told."""
    await steer("payments", latency=constant(30))
    told: asyncio.Queue[Job] = asyncio.Queue()
    job = await bff.submit("checkout", CART)
    channels = LADDER[LADDER.index(channel) :]
    waiting = asyncio.create_task(bff.wait(job, channels=channels, on_change=told.put))
    while (await heard(job, told)).progress.done < 1:
        pass
    await front.until(lambda: front.open(Kind(channel)) == 1)
    strike(front, Kind(channel))
    await bff.cancel(job)
    async with asyncio.timeout(45):
        ended = await waiting
    assert ended.ended
    versions = [told.get_nowait().version for _ in range(told.qsize())]
    assert versions == sorted(set(versions))


async def test_all_waits_of_a_client_share_one_socket(bff: Client, front: Front, steer: Steer) -> None:
    await steer("echo", latency=constant(0.5))
    jobs = await asyncio.gather(*(bff.run("echo", HI, timeout=30) for _ in range(30)))
    assert len({job.id for job in jobs}) == 30
    assert all(job.succeeded for job in jobs)
    assert front.seen[Kind.WEBSOCKET] == 1
    assert front.seen[Kind.SSE] == front.seen[Kind.LONG_POLL] == front.seen[Kind.POLL] == 0


async def test_a_socket_that_nobody_needs_is_closed_and_opened_again(
    bff: Client, front: Front, steer: Steer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "IDLE_SECONDS", 0.05)
    await steer("echo", latency=constant(0.2))
    for sockets in (1, 2):
        await bff.run("echo", HI, timeout=20)
        await front.until(lambda: front.open(Kind.WEBSOCKET) == 0)
        assert front.seen[Kind.WEBSOCKET] == sockets
    assert front.seen[Kind.SSE] == 0


async def test_what_a_socket_cannot_bear_goes_by_the_next_channel(
    bff: Client, front: Front, steer: Steer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "MAX_TOPICS", 2)
    await steer("echo", latency=constant(1))
    jobs = await asyncio.gather(*(bff.run("echo", HI, timeout=20) for _ in range(4)))
    assert all(job.succeeded for job in jobs)
    assert (front.seen[Kind.WEBSOCKET], front.seen[Kind.SSE]) == (1, 2)


async def test_a_wait_that_joins_another_of_the_same_job_hears_its_present_state(bff: Client, steer: Steer) -> None:
    await steer("payments", latency=constant(30))
    job = await bff.submit("checkout", CART)
    told: asyncio.Queue[Job] = asyncio.Queue()
    first = asyncio.create_task(bff.wait(job, on_change=told.put))
    while (state := await heard(job, told)).progress.done < 1:
        pass
    second = asyncio.create_task(bff.wait(job.id, on_change=told.put))
    assert (await heard(job, told)).version >= state.version
    first.cancel()
    await asyncio.wait([first])
    await bff.cancel(job)
    assert (await second).ended


async def test_a_long_poll_that_is_held_to_its_end_has_not_failed(front: Front, steer: Steer) -> None:
    """We read for longer than the gateway holds."""
    await steer("echo", latency=constant(1.5))
    async with Client(front.url, patience=replace(HASTY, hold_seconds=0.4)) as bff:
        assert (await bff.run("echo", HI, timeout=20, channels=[Channel.LONG_POLL, Channel.POLL])).succeeded
    assert front.seen[Kind.LONG_POLL] >= 3
    assert front.seen[Kind.POLL] == 0


@pytest.fixture
async def two_gateways(stack: Up) -> AsyncIterator[tuple[Gateway, Gateway]]:
    with gateway(stack.redis_url) as first, gateway(stack.redis_url) as second:
        yield first, second


@pytest.mark.parametrize("channel", [Channel.WEBSOCKET, Channel.SSE, Channel.LONG_POLL])
async def test_a_gateway_that_ends_hands_its_waits_to_another(
    two_gateways: tuple[Gateway, Gateway], steer: Steer, channel: Channel
) -> None:
    leaving, staying = two_gateways
    await steer("payments", latency=constant(30))
    async with front_of(leaving.url) as front, Client(front.url, patience=HASTY) as bff:
        job = await bff.submit("checkout", CART)
        told: asyncio.Queue[Job] = asyncio.Queue()
        waiting = asyncio.create_task(bff.wait(job, channels=[channel, Channel.POLL], on_change=told.put))
        while (await heard(job, told)).status != "running":
            pass
        await front.until(lambda: front.open(Kind(channel)) == 1)
        front.target = staying.url
        leaving.tell_to_end()
        await front.until(lambda: front.seen[Kind(channel)] >= 2 and front.open(Kind(channel)) == 1)
        await bff.cancel(job)
        assert (await waiting).ended
        assert front.seen[Kind.POLL] <= 3


async def test_a_gateway_that_holds_no_more_requests_is_polled(stack: Up, steer: Steer) -> None:
    await steer("echo", latency=constant(1.5))
    with gateway(stack.redis_url, "--max-waiters=0") as full:
        async with front_of(full.url) as front, Client(front.url, patience=HASTY) as bff:
            begun = time.monotonic()
            assert (await bff.run("echo", HI, timeout=20)).succeeded
            seconds = time.monotonic() - begun
        asked = front.seen[Kind.POLL] + front.seen[Kind.LONG_POLL]
        assert asked <= 3 + seconds


async def test_a_gateway_that_is_gone_is_given_up_after_a_while(bff: Client, front: Front, steer: Steer) -> None:
    await steer("payments", latency=constant(30))
    job = await bff.submit("checkout", CART)
    waiting = asyncio.create_task(bff.wait(job))
    await front.until(lambda: front.open(Kind.WEBSOCKET) == 1)
    front.faults = {Kind(channel): Fault.CLOSED for channel in Channel}
    front.cut(Kind.WEBSOCKET)
    with pytest.raises(Unreachable, match="nothing was heard"):
        await waiting
    front.faults = {}
    await bff.cancel(job)
