"""What one client may have, whatever the services can carry."""

import pytest

from bff.broker.jobs import Accepted, Bound, QuotaExceeded, Replayed
from bff.broker.quota import Quota
from tests.broker.world import World

pytestmark = pytest.mark.anyio

THREE_AN_HOUR = Quota(requests=3, window_seconds=3600)


async def test_a_client_gets_its_requests_at_once_and_then_one_by_one(world: World) -> None:
    answers = [await world.submit(quota=THREE_AN_HOUR) for _ in range(4)]
    assert [isinstance(answer, Accepted) for answer in answers] == [True, True, True, False]
    assert [answer.usage.remaining for answer in answers] == [2, 1, 0, 0]
    exceeded = answers[3]
    assert exceeded.bound is Bound.REQUESTS
    assert 1_190_000 < exceeded.retry_ms <= 1_200_000
    assert 3_590 < exceeded.usage.reset_seconds <= 3_600


async def test_what_is_refused_for_another_reason_uses_up_nothing(world: World) -> None:
    await world.submit(quota=THREE_AN_HOUR, timeout_ms=1)
    answer = await world.submit(quota=THREE_AN_HOUR)
    assert answer.usage.remaining == 2


async def test_a_repeated_request_is_the_same_job_whatever_the_quota(world: World) -> None:
    one = Quota(requests=1, window_seconds=3600)
    job_id = await world.accepted(quota=one, idempotency_key="k")
    assert await world.submit(quota=one, idempotency_key="k") == Replayed(job_id)


async def test_clients_have_quotas_of_their_own(world: World) -> None:
    one = Quota(requests=1, window_seconds=3600)
    for client in ("a", "b"):
        await world.accepted(quota=one, client=client)
        assert isinstance(await world.submit(quota=one, client=client), QuotaExceeded)


async def test_a_client_may_have_so_many_jobs_in_flight_however_they_end(world: World) -> None:
    two = Quota(max_in_flight=2)
    first, second = await world.accepted(quota=two), await world.accepted("order", quota=two)
    refused = await world.submit(quota=two)
    assert (refused.bound, refused.retry_ms, refused.usage) == (Bound.IN_FLIGHT, 0, None)
    await world.jobs.cancel(second, "public")
    await world.accepted(quota=two)
    assert isinstance(await world.submit(quota=two), QuotaExceeded)
    await world.do()
    assert (await world.job(first)).status == "succeeded"
    await world.accepted(quota=two)
