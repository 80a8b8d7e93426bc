from contextlib import ExitStack

from downstream_mock.service import Service, Services
from downstream_mock.steering import DEFAULTS, changed


def a_service(**change: object) -> Service:
    return Service("echo", changed(DEFAULTS["echo"], change))


def test_a_call_that_finds_no_slot_takes_no_place_in_the_rate() -> None:
    service = a_service(max_concurrency=1, rate_per_second=0.01)
    with service.slot():
        assert service.refusal() is not None
    assert service.refusal() is None
    assert service.refusal() is not None
    assert (service.counters.rejected_concurrency, service.counters.rejected_rate) == (1, 1)


def test_the_most_in_flight_stays_when_they_end() -> None:
    service = a_service()
    with ExitStack() as slots:
        for _ in range(3):
            slots.enter_context(service.slot())
        assert service.counters.in_flight == 3
    with service.slot():
        pass
    assert (service.counters.in_flight, service.counters.max_in_flight) == (0, 3)
    assert service.counters.max_started_per_second == 4


def test_a_new_rate_begins_with_a_full_bucket_and_the_same_one_does_not() -> None:
    service = a_service(rate_per_second=0.01)
    assert service.refusal() is None
    service.steer({"error_rate": 0.5})
    assert service.refusal() is not None
    service.steer({"rate_per_second": 0.02})
    assert service.refusal() is None


def test_a_call_that_outlives_a_reset_leaves_the_new_counters_alone() -> None:
    services = Services()
    old = services.get("echo")
    assert old is not None
    with old.slot():
        services.reset()
    new = services.get("echo")
    assert new is not None
    assert set(new.counters.as_dict().values()) == {0}


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    assert a_service(retry_after_seconds=1.2).retry_after() == (b"retry-after", b"2")
    assert a_service(retry_after_seconds=0).retry_after() == (b"retry-after", b"0")
