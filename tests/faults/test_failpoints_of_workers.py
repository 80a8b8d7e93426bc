"""F1, F2, F3: workers that die, freeze or block between two steps of an entry: nothing is lost, nothing done twice."""

import asyncio
import signal
from collections.abc import Sequence

import pytest

from bff.broker.cell import Cell
from bff.broker.lanes import Lanes
from bff.catalog.catalog import load_catalog
from bff.failpoints import Point
from tests.broker.servers import patient
from tests.faults.client import Client
from tests.faults.cluster import CHECKOUT, Cluster
from tests.faults.judge import judged
from tests.faults.processes import Process

pytestmark = pytest.mark.anyio

OF_WORKERS = (Point.AFTER_TAKE, Point.BEFORE_CALL, Point.MID_CALL, Point.AFTER_CALL, Point.AFTER_TELL)


async def submit(client: Client, jobs: int) -> None:
    accepted = await asyncio.gather(*(client.submit("checkout", CHECKOUT) for _ in range(jobs)))
    assert all(accepted)


async def until(cluster: Cluster, worker: Process, *, stopped: bool) -> None:
    async def came() -> bool:
        return worker.stopped if stopped else not worker.alive

    await cluster.until(came, "the worker came to its failpoint")


async def reclaimed(cluster: Cluster, service: str, workers: Sequence[Process] = ()) -> None:
    """Give back what is held and no longer worked on until nothing is held, and those workers have ended."""
    catalog = load_catalog(cluster.services, downstream_url=str(cluster.mock.base_url))
    pipeline = patient(cluster.redis.url)
    lanes = Lanes(Cell(pipeline, catalog), service, "test")

    async def nothing_is_held() -> bool:
        await lanes.reclaim()
        held = [cluster.redis.client.xpending(lane, "workers")["pending"] for lane in lanes.keys]
        return not any(held) and not any(worker.alive for worker in workers)

    await cluster.until(nothing_is_held, "the entries were reclaimed")
    await pipeline.aclose()


@pytest.mark.parametrize("point", OF_WORKERS)
async def test_what_a_worker_leaves_that_is_killed_between_two_steps_is_done_once(
    cluster: Cluster, client: Client, point: Point
) -> None:
    """At the third hit: of the six jobs some calls are done, some in flight, some queued."""
    killed = await cluster.start_worker(failpoint=f"{point}:kill@3")
    await submit(client, 6)
    await until(cluster, killed, stopped=False)
    assert killed.exit_code() == -signal.SIGKILL
    await cluster.start_worker()
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"succeeded": 6}


async def test_a_worker_that_was_frozen_between_two_steps_changes_nothing_when_it_wakes(
    cluster: Cluster, client: Client
) -> None:
    frozen = await cluster.start_worker(failpoint=f"{Point.AFTER_CALL}:stop")
    await submit(client, 1)
    await until(cluster, frozen, stopped=True)
    await reclaimed(cluster, "inventory")
    await cluster.start_worker()
    await client.until_all_ended(20)
    frozen.send(signal.SIGCONT)
    frozen.send(signal.SIGTERM)
    assert frozen.exit_code() == 0
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"succeeded": 1}
    assert [(await cluster.counted(service))["effects"] for service in ("inventory", "payments", "orders")] == [1, 1, 1]


async def test_what_a_worker_says_that_was_frozen_does_not_count_while_another_makes_the_call(
    cluster: Cluster, client: Client
) -> None:
    await cluster.steer("echo", error_rate=1, error_status=400)
    frozen = await cluster.start_worker(failpoint=f"{Point.AFTER_CALL}:stop")
    assert await client.submit("echo", {"text": "hi"})
    await until(cluster, frozen, stopped=True)
    await cluster.steer("echo", error_rate=0, seconds=0.7)
    await reclaimed(cluster, "echo")
    await cluster.start_worker()
    await cluster.until_called("echo")
    frozen.send(signal.SIGCONT)  # to say that the call failed
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"succeeded": 1}


async def test_a_worker_that_was_frozen_before_a_call_does_not_make_it_once_another_may_have(
    cluster: Cluster, client: Client
) -> None:
    """Its slot was given away meanwhile: the service would see more calls at once than it has slots."""
    frozen = await cluster.start_worker(failpoint=f"{Point.BEFORE_CALL}:stop")
    await submit(client, 1)
    await until(cluster, frozen, stopped=True)
    await reclaimed(cluster, "inventory")
    frozen.send(signal.SIGCONT)
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"succeeded": 1}
    assert (await cluster.counted("inventory"))["calls"] == 1


async def test_a_worker_whose_event_loop_is_blocked_for_longer_than_it_may_changes_nothing(
    cluster: Cluster, client: Client
) -> None:
    """It is blocked with an outcome in hand; when it comes to tell, the call has been made by another."""
    blocked = await cluster.start_worker(failpoint=f"{Point.AFTER_CALL}:sleep=6")
    await submit(client, 1)

    async def called() -> bool:
        return (await cluster.counted("inventory"))["effects"] == 1

    await cluster.until(called, "the stock is reserved")
    await reclaimed(cluster, "inventory")
    await cluster.start_worker()
    await client.until_all_ended(20)
    [job] = [await cluster.job(job_id) for job_id in client.accepted]
    assert job["calls"]["reserve"]["attempts"] == 2
    blocked.send(signal.SIGTERM)
    assert blocked.exit_code() == 0
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"succeeded": 1}
    assert await cluster.job(job["id"]) == job


async def test_an_entry_that_ends_every_worker_that_takes_it_is_buried(cluster: Cluster, client: Client) -> None:
    """F16: after the third worker, for an operator to look at; its job fails, and others go on.

    It waits until three leases of two seconds have run out.
    """
    workers = await asyncio.gather(*(cluster.start_worker(failpoint=f"{Point.AFTER_TAKE}:kill") for _ in range(3)))
    poison = await client.submit("echo", {"text": "poison"})
    await reclaimed(cluster, "echo", workers)
    await cluster.start_worker()
    others = [await client.submit("echo", {"text": "well"}) for _ in range(5)]
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"failed": 1, "succeeded": 5}
    assert (await cluster.counted("echo"))["calls"] == len(others)
    assert (await cluster.job(str(poison)))["calls"]["echo"]["error"] == "worker-lost"
    [(_, letter)] = cluster.redis.client.xrange("bff:{c0}:dead")
    assert letter[b"job"].decode() == poison
