import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from math import isnan, nan

import pytest

from gateway.settings import GatewaySettings
from loadtest.progress import Progress
from loadtest.watch.standing import Standing
from loadtest.watch.truth import GAP_SECONDS, Metrics, cores, each_second, utilisation
from tests.broker.servers import Server, binaries, running
from tests.gateway.serving import Served, served
from tests.scenario.played import a_stage

IDLE = Standing(
    at=0,
    depth=0,
    oldest_age=0,
    predicted_wait=0,
    capacity=400,
    slots=10,
    in_flight=0,
    drain_rate=12.5,
    busy=nan,
    sync_jobs=0,
    cpu_seconds={},
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with running(min(binaries().items())[1]) as server:
        yield server


@pytest.fixture
async def gateway(redis: Server) -> AsyncIterator[Served]:
    """One for which no worker works."""
    settings = GatewaySettings(redis_url=redis.url, key_prefix=f"test-{uuid.uuid4().hex[:12]}")
    async with served(settings) as started:
        yield started


@asynccontextmanager
async def watching(metrics: Metrics, progress: Progress) -> AsyncIterator[None]:
    task = asyncio.create_task(metrics.watch(progress))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_told(metrics: Metrics, progress: Progress) -> Standing:
    while (standing := metrics.latest(progress.at)) is None:
        await asyncio.sleep(0.01)
    return standing


@pytest.mark.anyio
async def test_what_waits_at_the_gateway_is_what_is_told(gateway: Served) -> None:
    for _ in range(3):
        await gateway.job()
    metrics, progress = Metrics([f"http://127.0.0.1:{gateway.port}/metrics"], "echo"), Progress(60, 3)
    async with watching(metrics, progress):
        first = await until_told(metrics, progress)
    assert (first.depth, first.in_flight, first.slots) == (3, 0, 200)
    assert isnan(first.busy)  # no worker is asked
    truth = metrics.truth()
    assert truth is not None
    assert truth.utilisation == 0


@pytest.mark.anyio
async def test_the_end_is_read_too(gateway: Served) -> None:
    """What became of the queue after the last reading is known all the same."""
    job = await gateway.job()
    metrics, progress = Metrics([f"http://127.0.0.1:{gateway.port}/metrics"], "echo"), Progress(60, 1)
    async with watching(metrics, progress):
        assert (await until_told(metrics, progress)).depth == 1
        await gateway.cancel(job)
    last = metrics.latest(progress.at)
    assert last is not None
    assert last.depth == 0


@pytest.mark.anyio
async def test_a_page_that_is_not_there_is_said_once_and_left_alone(gateway: Served) -> None:
    elsewhere = f"http://127.0.0.1:{gateway.port}/nowhere"
    metrics = Metrics([elsewhere], "echo")
    await metrics.watch(Progress(60, 1))  # ends by itself
    assert metrics.scrapes.said == [
        f"{elsewhere} is not there; it may be on a port of its own (404): what it tells is left out"
    ]
    assert metrics.truth() is None


@pytest.mark.anyio
async def test_who_does_not_answer_leaves_a_gap_and_not_a_zero() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        metrics = Metrics([f"http://127.0.0.1:{closed.getsockname()[1]}/metrics"], "echo")
    progress = Progress(60, 1)
    async with watching(metrics, progress):
        while not metrics.scrapes.missed:
            await asyncio.sleep(0.01)
    assert metrics.latest(progress.at) is None
    assert metrics.truth() is None


def test_each_second_is_read_between_two_readings() -> None:
    standings = [replace(IDLE, at=at, depth=depth) for at, depth in ((0.5, 10.0), (1.5, 30.0), (2.5, 50.0), (3.0, 0.0))]
    assert each_second(standings, lambda each: each.depth) == [20.0, 40.0, 0.0, 0.0]


def test_a_second_without_readings_around_it_is_a_gap() -> None:
    standings = [replace(IDLE, at=at) for at in (1.5, 2.5, 2.9 + GAP_SECONDS)]
    depths = each_second(standings, lambda each: each.depth)
    assert [isnan(depth) for depth in depths] == [True, False, True, True, True, False]


def test_a_slot_is_busy_while_a_call_is_in_flight() -> None:
    standings = [replace(IDLE, at=at, in_flight=in_flight) for at, in_flight in ((0.0, 10), (1.0, 5), (2.0, 0))]
    assert utilisation(standings) == 0.5
    assert utilisation([]) == 0


def test_a_synchronous_job_is_held_once_though_its_call_is_in_flight() -> None:
    assert replace(IDLE, sync_jobs=50, in_flight=10).held == 50
    assert replace(IDLE, depth=50, in_flight=10).held == 60


def test_cores_are_what_gateways_and_workers_used_of_the_time() -> None:
    standings = [replace(IDLE, at=at, cpu_seconds={"gateways": 10 + at / 2, "workers": at}) for at in (0.0, 1.0, 4.0)]
    assert cores(standings) == {"gateways": 0.5, "workers": 1.0}
    assert cores(standings[:1]) == {}


def test_a_target_that_is_not_as_the_scenario_says_is_said_to_be_so() -> None:
    metrics = Metrics([], "payments")
    metrics.told(replace(IDLE, capacity=15_000, slots=100))
    assert metrics.notes(a_stage()) == [
        "payments has 15,000 places there, and 400 in the scenario (`bff export`)",
        "payments has 100 slots there, and 10 in the scenario (`bff export`)",
    ]
