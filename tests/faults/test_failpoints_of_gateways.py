"""F4: gateways that die, fail or freeze around the submit. F24: one key many times at once; cancel against finish."""

import asyncio
import signal
from collections import Counter

import pytest

from bff.failpoints import Point
from tests.faults.client import Client
from tests.faults.cluster import CHECKOUT, Cluster
from tests.faults.history import F, Type
from tests.faults.judge import judged

pytestmark = pytest.mark.anyio

KEPT = {Point.BEFORE_SUBMIT: 0, Point.AFTER_SUBMIT: 1, Point.BEFORE_RESPONSE: 1}
"""Whether the broker knows the job of a gateway that dies there."""


@pytest.mark.parametrize("point", KEPT)
async def test_a_post_is_answered_once_by_repeating_it_when_its_gateway_is_killed(
    cluster: Cluster, client: Client, point: Point
) -> None:
    await cluster.start_worker()
    cluster.fronts.clear()
    killed = await cluster.start_gateway(failpoint=f"{point}:kill")
    posting = asyncio.create_task(client.submit("checkout", CHECKOUT))
    assert await asyncio.to_thread(killed.exit_code) == -signal.SIGKILL
    assert len(cluster.redis.client.keys("bff:{c0}:job:*")) == KEPT[point]
    await cluster.start_gateway()
    del cluster.fronts[killed.pid]
    assert await posting
    verdict = await judged(cluster, client)
    assert (verdict.statuses, len(verdict.recovered)) == ({"succeeded": 1}, 1)
    assert len(cluster.redis.client.keys("bff:{c0}:job:*")) == 1


async def test_a_post_is_answered_once_by_repeating_it_when_its_gateway_fails(cluster: Cluster, client: Client) -> None:
    await cluster.start_worker()
    cluster.fronts.clear()
    failing = await cluster.start_gateway(failpoint=f"{Point.AFTER_SUBMIT}:raise")
    assert await client.submit("checkout", CHECKOUT)
    verdict = await judged(cluster, client)
    assert (verdict.statuses, len(verdict.recovered)) == ({"succeeded": 1}, 1)
    assert failing.alive


async def test_a_gateway_that_was_frozen_before_the_submit_makes_no_second_job_when_it_wakes(
    cluster: Cluster, client: Client
) -> None:
    await cluster.start_worker()
    [well] = cluster.fronts.values()
    client.timeout_seconds = 1
    frozen = await cluster.start_gateway(failpoint=f"{Point.BEFORE_SUBMIT}:stop")
    cluster.fronts = {frozen.pid: cluster.http}
    posting = asyncio.create_task(client.submit("checkout", CHECKOUT))

    async def is_frozen() -> bool:
        return frozen.stopped

    await cluster.until(is_frozen, "the gateway came to its failpoint")
    cluster.fronts = {0: well}
    assert await posting
    frozen.send(signal.SIGCONT)
    frozen.send(signal.SIGTERM)
    assert await asyncio.to_thread(frozen.exit_code) == 0
    verdict = await judged(cluster, client)
    assert (verdict.statuses, len(verdict.recovered)) == ({"succeeded": 1}, 1)
    assert (await cluster.counted("payments"))["effects"] == 1


async def test_fifty_posts_at_once_with_one_key_make_one_job(cluster: Cluster, client: Client) -> None:
    await cluster.start_worker()
    await cluster.start_gateway()
    ids = await asyncio.gather(*(client.submit("checkout", CHECKOUT, key="k1") for _ in range(50)))
    assert len(set(ids)) == 1
    told = Counter(e.detail for e in client.history.events if e.f is F.SUBMIT and e.type is Type.OK)
    assert told == {"": 1, "replayed": 49}
    verdict = await judged(cluster, client)
    assert verdict.statuses == {"succeeded": 1}
    assert [(await cluster.counted(service))["effects"] for service in ("inventory", "payments", "orders")] == [1, 1, 1]


async def test_whoever_comes_first_of_cancel_and_finish_is_right_for_good(cluster: Cluster, client: Client) -> None:
    """Each job is cancelled at another moment of its life. What the cancellation was told is how the job ends."""
    await cluster.start_worker()

    async def cancelled(number: int) -> tuple[str, int]:
        job_id = await client.submit("checkout", CHECKOUT)
        assert job_id
        for _ in range(number % 4):  # so many reads later
            await cluster.job(job_id)
        return job_id, (await cluster.http.delete(f"/v1/jobs/{job_id}")).status_code

    answers = dict(await asyncio.gather(*(cancelled(number) for number in range(40))))
    assert set(answers.values()) <= {200, 202, 409}
    verdict = await judged(cluster, client)
    jobs = [await cluster.job(job_id) for job_id in answers]
    assert [job["status"] for job in jobs] == ["succeeded" if code == 409 else "cancelled" for code in answers.values()]
    assert sum(verdict.statuses.values()) == 40
    for calls in (job["calls"] for job in jobs if job["status"] == "cancelled"):
        for done, undo in (("reserve", "release"), ("charge", "refund")):
            assert calls[done]["status"] != "succeeded" or calls[undo]["status"] == "succeeded"
