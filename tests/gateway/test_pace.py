import httpx
import pytest

from gateway.gateway import Gateway
from gateway.pace import BURST, PER_SECOND, REMEMBERED, PollPace


def test_a_client_that_keeps_to_poll_after_seconds_is_never_told_to_wait() -> None:
    pace = PollPace()
    assert all(pace.wait_seconds("job", second) == 0 for second in range(1000))


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    pace = PollPace()
    assert all(pace.wait_seconds("job", 0) == 0 for _ in range(BURST))
    wait = pace.wait_seconds("job", 0)
    assert wait == 1 / PER_SECOND
    assert pace.wait_seconds("job", wait) == 0
    assert pace.wait_seconds("job", wait) > 0


def test_jobs_do_not_slow_each_other_down() -> None:
    pace = PollPace()
    while pace.wait_seconds("one", 0) == 0:
        pass
    assert pace.wait_seconds("another", 0) == 0


def test_what_is_refused_does_not_count() -> None:
    pace = PollPace()
    for _ in range(10 * BURST):
        pace.wait_seconds("job", 0)
    assert pace.wait_seconds("job", 2 / PER_SECOND) == 0


def test_memory_is_bounded_and_who_was_asked_for_last_is_remembered() -> None:
    pace = PollPace()
    while pace.wait_seconds("busy", 0) == 0:
        pass
    for number in range(2 * REMEMBERED):
        pace.wait_seconds(str(number), 0)
        if number % 1000 == 0:
            assert pace.wait_seconds("busy", 0) > 0
    assert len(pace._buckets) == REMEMBERED


@pytest.mark.anyio
async def test_what_is_no_id_is_not_remembered(api: httpx.AsyncClient, gateway: Gateway) -> None:
    for number in range(10):
        assert (await api.get(f"/v1/jobs/{number}{'a' * 10_000}")).status_code == 404
        assert (await api.get(f"/v1/jobs/{number}{'a' * 10_000}/result")).status_code == 404
    assert not gateway.pace._buckets
