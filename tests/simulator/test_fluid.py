"""A spike's rules of thumb, on the flash sale: 500/s for 600 s over 10/s, 125/s served, TTL 45 s, 15,000 places."""

import math

import pytest

from simulator.theory import fluid

SALE, CAPACITY, TTL = 500, 125, 45


def test_the_flash_sale() -> None:
    assert fluid.useful_depth(CAPACITY, TTL) == 5_625
    assert fluid.first_doomed_seconds(SALE, CAPACITY, TTL) == 15
    assert fluid.first_expiry_seconds(SALE, CAPACITY, TTL) == 60
    assert fluid.seconds_to_depth(15_000, SALE, CAPACITY) == 40
    assert fluid.seconds_to_depth(0.7 * 15_000, SALE, CAPACITY) == 28
    assert fluid.longest_drain_seconds(10, CAPACITY, TTL) == pytest.approx(48.9, abs=0.05)
    assert fluid.served_share(SALE, 600, CAPACITY, TTL, 15_000) == pytest.approx(0.269, abs=0.0005)
    assert fluid.places_needed(SALE, 600, CAPACITY, TTL) == 5_625


def test_what_a_hundred_workers_absorb() -> None:
    assert fluid.rate_absorbed(600, CAPACITY, TTL, 15_000) == pytest.approx(134.4, abs=0.05)
    assert fluid.seconds_absorbed(SALE, CAPACITY, TTL, 15_000) == 15


def test_a_short_spike_needs_only_what_piles_up() -> None:
    assert fluid.places_needed(SALE, 10, CAPACITY, TTL) == 3_750
    assert fluid.rate_absorbed(600, CAPACITY, TTL, 600) == CAPACITY + 1
    assert fluid.seconds_absorbed(SALE, CAPACITY, TTL, 375) == 1


def test_what_can_be_served_never_piles_up() -> None:
    assert fluid.places_needed(100, 600, CAPACITY, TTL) == 0
    assert fluid.first_doomed_seconds(CAPACITY, CAPACITY, TTL) == math.inf
    assert fluid.seconds_absorbed(100, CAPACITY, TTL, 15_000) == math.inf
    assert fluid.served_share(100, 600, CAPACITY, TTL, 15_000) == 1


def test_a_baseline_above_what_is_served_never_drains() -> None:
    assert fluid.drain_seconds(1_000, 125, CAPACITY) == math.inf
    assert fluid.drain_seconds(1_000, 25, CAPACITY) == 10


def test_the_drain_that_the_article_reports_needs_three_quarters_of_the_capacity_taken_afterwards() -> None:
    assert fluid.longest_drain_seconds(0.75 * CAPACITY, CAPACITY, TTL) == 180
    assert fluid.longest_drain_seconds(0.08 * CAPACITY, CAPACITY, TTL) < 50
