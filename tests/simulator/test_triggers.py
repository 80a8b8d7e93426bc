"""When an alarm sees the flash sale: 500/s against 125/s, TTL 45 s, 15,000 places."""

import math
from dataclasses import replace

import pytest

from simulator.planner.triggers import Rise, by_depth, by_mean_age, by_oldest_age, by_predicted_wait, trigger

SALE = Rise(spike_per_second=500, capacity_per_second=125, ttl_seconds=45, places=15_000)


def test_a_depth_alarm_at_70_percent_fires_13_s_after_the_first_doomed_arrival() -> None:
    assert SALE.first_doomed_seconds == 15
    assert by_depth(SALE, 0.7 * 15_000) == 28
    told = {alarm.sees: alarm for alarm in trigger(SALE, 60).alarms}
    assert told["depth ≥ 70% of 15,000"].early_seconds == -13


def test_a_predicted_wait_is_seen_long_before_an_age() -> None:
    assert by_predicted_wait(SALE, 10) == pytest.approx(3.3, abs=0.05)
    assert by_oldest_age(SALE, 10) == pytest.approx(13.3, abs=0.05)
    assert by_mean_age(SALE, 10) == pytest.approx(26.7, abs=0.05), (
        "what the article asks for: later than the first doomed"
    )


def test_no_alarm_is_early_enough_for_capacity_that_takes_longer_than_the_queue_holds() -> None:
    told = trigger(SALE, 60)
    assert told.predicted_wait_seconds is None
    assert "fire 45 s before the spike" in told.why


@pytest.mark.parametrize("places", [15_000, 2_000])
def test_with_the_capacity_that_it_names_an_alarm_at_the_first_moment_is_just_early_enough(places: int) -> None:
    sale = replace(SALE, places=places)
    enough = replace(sale, capacity_per_second=trigger(sale, 60).capacity_per_second)
    assert enough.first_loss_seconds == pytest.approx(60)


@pytest.mark.parametrize("lead", [1, 5, 14])
def test_capacity_that_comes_in_time_is_ordered_at_the_wait_that_it_names(lead: float) -> None:
    told = trigger(SALE, lead)
    assert told.predicted_wait_seconds is not None
    assert by_predicted_wait(SALE, told.predicted_wait_seconds) + lead == pytest.approx(15)


def test_a_short_queue_is_lost_from_before_the_ttl_matters() -> None:
    assert replace(SALE, places=375).first_loss_seconds == 1


def test_what_can_be_served_needs_no_alarm() -> None:
    told = trigger(replace(SALE, capacity_per_second=500), 60)
    assert (told.predicted_wait_seconds, told.alarms) == (None, ())
    assert by_oldest_age(replace(SALE, capacity_per_second=500), 10) == math.inf
