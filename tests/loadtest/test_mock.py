import pytest

from loadtest.mock import Seen, settings_of, strained
from tests.loadtest.stages import a_stage

CHECKOUT = {"operation": "checkout", "priority": "normal", "share": 1.0}
WELL = Seen(calls=10, effects=10, max_effects_per_key=1, max_in_flight=5, slots=5, turned_away=0)


def test_a_bottleneck_holds_to_its_limits_and_others_take_their_expected_time_with_none() -> None:
    time = {"distribution": "gamma", "mean_seconds": 0.4, "cv": 0.5}
    payments = {"name": "payments", "max_concurrency": 7, "rate_per_second": 9, "error_rate": 0.1, "time": time}
    stage = a_stage({"mix": [CHECKOUT]}, services=[payments])
    set_to = {name: settings_of(service, 3) for name, service in stage.services.items()}
    assert list(set_to) == ["payments", "inventory", "orders"]
    assert set_to["payments"]["latency"] == time
    limits = [(each["max_concurrency"], each["rate_per_second"], each["error_rate"]) for each in set_to.values()]
    assert limits == [(7, 9, 0.1), (0, 0, 0), (0, 0, 0)]
    assert set_to["orders"]["latency"]["distribution"] == "constant"
    assert set_to["orders"]["latency"]["mean_seconds"] == 0.05
    assert {each["seed"] for each in set_to.values()} == {3}


@pytest.mark.parametrize(("max_in_flight", "turned_away"), [(6, 0), (5, 1)])
def test_a_stack_that_asks_for_more_than_a_service_bears_is_told_of(max_in_flight: int, turned_away: int) -> None:
    seen = Seen(10, 10, 1, max_in_flight=max_in_flight, slots=5, turned_away=turned_away)
    said = list(strained({"echo": WELL, "payments": seen}))
    assert len(said) == 1
    assert said[0].startswith(f"payments had up to {max_in_flight} calls at once, and 5 slots; {turned_away} were")
