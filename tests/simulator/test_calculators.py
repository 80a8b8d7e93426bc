"""The article's capacity planning, step by step, with its own numbers; where they do not hold, the reason."""

import pytest

from simulator.planner.calculators import NoPlan, memory_of, minimum_workers, queue_for_spike, ttl_from_timeout
from simulator.theory.formulas import Unstable, mmc_wait_seconds


def test_step_4_ten_workers_for_50_a_second_of_200_ms_are_a_load_of_one() -> None:
    needed = minimum_workers(50, 0.2)
    assert needed.workers == 12
    assert needed.load == pytest.approx(10 / 12)
    assert needed.mean_wait_seconds == pytest.approx(0.045, abs=0.0005)
    assert "With 10 the load is 1" in needed.why
    assert "12: 45 ms; 13: 19 ms" in needed.why
    with pytest.raises(Unstable, match="the queue grows without an end"):
        mmc_wait_seconds(50, 0.2, 10)


def test_step_4_its_fifth_to_third_of_overhead_is_what_random_arrivals_need() -> None:
    assert [minimum_workers(50, 0.2, wait).workers for wait in (0.05, 0.02)] == [12, 13]


def test_a_load_between_two_whole_numbers_is_not_called_one() -> None:
    needed = minimum_workers(49, 0.2)
    assert "the load is 1" not in needed.why
    assert needed.workers > 9.8


def test_a_long_wait_may_be_borne_by_the_fewest_that_are_stable() -> None:
    assert minimum_workers(50, 0.2, 60).workers == 11


def test_step_5_12_000_places_contradict_the_ttl_of_step_6() -> None:
    queue = queue_for_spike(200, 120, 100, 25)
    assert (queue.piled_up, queue.useful, queue.places) == (12_000, 2_500, 2_500)
    assert "pile up to 12,000 jobs" in queue.why
    assert "25 s after the start" in queue.why
    assert "the other 9,500" in queue.why
    assert queue.enough_per_second == pytest.approx(165.5, abs=0.05)
    relieved = queue_for_spike(200, 120, queue.enough_per_second, 25)
    assert relieved.piled_up == pytest.approx(relieved.useful, abs=1)


def test_step_5_alone_is_right_where_clients_wait_for_two_minutes() -> None:
    queue = queue_for_spike(200, 120, 100, 120)
    assert queue.places == 12_000
    assert queue.why == "100/s too many for 120 s pile up to 12,000 jobs."


def test_a_spike_that_can_be_served_needs_no_places() -> None:
    assert queue_for_spike(90, 120, 100, 25).places == 0


def test_step_6_25_of_30_seconds_leave_five_for_the_work_and_the_way_back() -> None:
    ttl = ttl_from_timeout(30, 3, 2)
    assert ttl.seconds == 25
    assert ttl.why.startswith("30 s − 3 s of work (p99) − 2 s to be told")


def test_who_gives_up_before_the_work_can_be_done_is_told_so() -> None:
    with pytest.raises(NoPlan, match="jobs that never waited"):
        ttl_from_timeout(5, 3.7, 2)


def test_memory_is_that_of_results_more_than_that_of_queues() -> None:
    """The figures of docs/operating.md: 15,000 queued are 16 MB; 125 a second kept for a day are 26 GB."""
    memory = memory_of(15_000, 125, 86_400, "checkout")
    assert memory.queued == pytest.approx(16e6, rel=0.05)
    assert memory.results == pytest.approx(26e9, rel=0.01)
    assert memory.maxmemory == pytest.approx(4 / 3 * 26e9, rel=0.01)
    assert memory_of(1_000, 0, 0, "report").queued > memory_of(1_000, 0, 0, "checkout").queued
