"""What plans say: of the case study, of limits by rate, of clients that come again, of what needs no plan."""

import json
from typing import Any

import pytest

from scenario.stage import Stage
from simulator.planner.absorbed import absorbed_by
from simulator.planner.calculators import NoPlan
from simulator.planner.case import case_of
from simulator.planner.metastable import metastability
from simulator.planner.needs import Need, needs_of
from simulator.planner.outlook import Trials
from simulator.planner.page import page
from simulator.planner.plan import Plan, plan
from simulator.theory.formulas import mmc_result_beyond
from tests.simulator.planned import SPIKE, a_case, a_stage, echo, shipped


def needs(stage: Stage, **slo: float) -> dict[str, Need]:
    scenario = stage.scenario
    slo_of = scenario.slo.model_validate(slo)
    found = needs_of(case_of(stage), slo_of, Trials())
    return {need.name: need for need in found}


def test_the_case_study_needs_380_slots_to_lose_no_more_than_three_in_a_thousand_and_400_for_a_p95_of_3_5_s() -> None:
    sale, trials = case_of(shipped("flash-sale")), Trials()
    too_few, enough, slower, quicker = (trials.look(sale.with_slots(slots), 1) for slots in (375, 385, 393, 407))
    assert too_few.success_share < 0.997 <= enough.success_share
    assert slower.result_p95_seconds is not None
    assert quicker.result_p95_seconds is not None
    assert slower.result_p95_seconds > 3.5 >= quicker.result_p95_seconds


def test_what_the_hundred_slots_of_the_case_study_absorb() -> None:
    absorbs = absorbed_by(case_of(shipped("flash-sale")), 0.997, Trials())
    assert absorbs.per_second == pytest.approx(134.4, rel=0.015)
    assert absorbs.seconds == pytest.approx(15, rel=0.02)


@pytest.fixture(scope="module")
def small_sale() -> Plan:
    """A tenth of the case study, and a fifth as long."""
    spike = {"at_seconds": 20, "duration_seconds": 120, "rate_per_second": 50}
    traffic = {"baseline_per_second": 1, "duration_seconds": 200, "spikes": [spike]}
    services = echo(max_concurrency=10, time={"mean_seconds": 0.8})
    slo = {"success_share": 0.997, "result_p95_seconds": 10, "drain_seconds": 60, "accept_p99_seconds": 0.25}
    clients = {"timeout_seconds": 60, "wait": "poll", "poll_seconds": 2}
    queue = {"capacity": 1_500, "ttl_seconds": 45}
    return plan(a_stage(traffic=traffic, services=services, slo=slo, clients=clients, queue=queue))


def test_the_verdict_comes_first_in_words_and_numbers(small_sale: Plan) -> None:
    assert not small_sale.feasible
    first = page(small_sale).split("\n\n")[0].replace("\n", " ")
    assert first.startswith(
        "spiked: Not feasible as it stands: capacity 12.5/s (10 slots of echo ÷ 0.8 s) against 50/s for 120 s: 4,500 "
        "more than can be served meanwhile, of which the queue carries 562 in time"
    )
    assert "Missed: success_share 0.3" in first


def test_what_to_set_meets_every_threshold_played_as_a_whole_too(small_sale: Plan) -> None:
    setting = small_sale.setting
    assert setting.met
    assert setting.check is not None
    assert setting.check.missed == ()
    assert setting.slots >= max(need.slots or 0 for need in small_sale.needs)
    assert small_sale.binding == "result_p95_seconds"


def test_places_are_for_what_piles_up_and_can_start_in_time(small_sale: Plan) -> None:
    setting = small_sale.setting
    useful = setting.slots / 0.8 * setting.ttl_seconds
    assert setting.outlook.peak_depth < setting.places <= 1.1 * useful
    assert setting.places < 1_500


def test_the_ttl_leaves_time_for_the_work_and_for_a_look(small_sale: Plan) -> None:
    """60 s less 3.7 s (p99 of 0.8 s) less 5 s between the looks of who has waited long."""
    assert small_sale.setting.ttl_seconds == 45
    assert "up to 51.3 s would do" in small_sale.setting.ttl_why


def test_memory_is_that_of_a_full_queue_and_of_an_hour_of_results(small_sale: Plan) -> None:
    memory = small_sale.setting.memory
    assert memory.queued == small_sale.setting.places * 700
    assert memory.results == 3_600 * 1_100


def test_near_the_edge_a_tenth_more_is_too_much(small_sale: Plan) -> None:
    changes = {change.what: change for change in small_sale.changes}
    assert set(changes) == {
        *("rate +10 %", "rate +20 %", "service time +10 %", "service time +20 %", "slots -10 %", "slots -20 %"),
        "TTL -20 %",
    }
    assert changes["rate +20 %"].missed
    assert changes["rate +20 %"].success_share <= changes["rate +10 %"].success_share
    slots = small_sale.setting.slots
    assert small_sale.without_one.what == f"3 of 4 workers: {slots * 3 // 4:,} slots"
    assert small_sale.without_one.missed


def test_waiting_clients_ask_every_two_seconds(small_sale: Plan) -> None:
    polling = small_sale.polling
    assert polling.every_seconds == 2
    assert polling.requests_per_second == polling.waiting / 2
    assert polling.waiting > small_sale.setting.outlook.peak_depth


def test_the_page_shows_what_the_plan_knows(small_sale: Plan) -> None:
    text = page(small_sale)
    assert max(map(len, text.splitlines())) <= 120
    for said in (
        f"slots     {small_sale.setting.slots} (now 10): result_p95_seconds needs most",
        "fire 45 s before the spike",
        "depth ≥ 70% of 1,500",
        "13.00 s AFTER",
        "bff load measures it",
        "1/s × 1 attempt stay below 12.5/s",
    ):
        assert said in text
    assert json.loads(json.dumps(small_sale.to_json()))["setting"]["slots"] == small_sale.setting.slots


def p95_by_formula(per_second: float, service_seconds: float, servers: int) -> float:
    low, high = 0.0, 100.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        late = mmc_result_beyond(per_second, service_seconds, servers, middle) > 0.05
        low, high = (middle, high) if late else (low, middle)
    return high


def test_50_a_second_of_200_ms_need_twelve_slots_where_eleven_wait_too_long() -> None:
    """Between what the formulas say of 11 and of 12."""
    steady: dict[str, Any] = {
        "traffic": {"baseline_per_second": 50, "duration_seconds": 1_000, "spikes": []},
        "services": echo(max_concurrency=10, time={"mean_seconds": 0.2}),
        "queue": {"ttl_seconds": 600, "capacity": 100_000},
        "clients": {"timeout_seconds": 1_000},
    }
    wanted = (p95_by_formula(50, 0.2, 11) + p95_by_formula(50, 0.2, 12)) / 2
    found = needs(a_stage(**steady), result_p95_seconds=wanted)
    assert found["result_p95_seconds"].slots == 12
    assert not found["result_p95_seconds"].met, "ten are a load of one"


def test_where_the_rate_binds_more_slots_buy_nothing() -> None:
    limited = echo(max_concurrency=40, rate_per_second=30)
    found = plan(a_stage(services=limited, slo={"success_share": 0.99}))
    need = found.needs[0]
    assert found.pool.bound_by == "rate"
    assert "more slots buy nothing" in need.why
    by_fluid = 1.03 * (100 * 20 - 0.01 * 2_800 - 300) / 20  # all but a hundredth, and 300 places; spaced by 3 % more
    assert need.rate_per_second == pytest.approx(by_fluid, rel=0.04)
    assert "rate_per_second 30" in found.verdict
    assert found.setting.met
    assert found.setting.rate_per_second == need.rate_per_second


def test_what_no_number_of_slots_can_meet_says_why() -> None:
    found = needs(a_stage(), result_p95_seconds=1)
    assert found["result_p95_seconds"].slots is None
    assert "the work alone takes 1.5 s (p95)" in found["result_p95_seconds"].why
    failing = needs(a_stage(services=echo(error_rate=0.3)), success_share=0.99)["success_share"]
    assert "23.00% fail, since their calls do" in failing.why


def test_what_is_feasible_keeps_its_slots() -> None:
    found = plan(a_stage(services=echo(max_concurrency=80), slo={"success_share": 0.99}))
    assert found.feasible
    assert found.verdict.startswith("Feasible as it stands: capacity 160/s (80 slots of echo ÷ 0.5 s) against 100/s")
    assert found.setting.slots == 80
    assert found.needs[0].slots is not None
    assert found.needs[0].slots < 80


def test_clients_that_come_again_keep_it_down_unless_the_ttl_is_shorter_than_their_patience() -> None:
    """60/s × 3 > 125/s > 60/s; 10 s of patience: 9.1 s of TTL cure it, and so do 1,150 places."""
    retrying: dict[str, Any] = {
        "traffic": {"baseline_per_second": 60, "spikes": []},
        "services": echo(max_concurrency=100, time={"mean_seconds": 0.8}),
        "clients": {"timeout_seconds": 10, "retries": 2},
    }
    sick = {"ttl_seconds": 10, "capacity": 15_000}
    found = metastability(a_case(**retrying, queue=sick))
    assert found.vulnerable
    assert found.cures == ()
    assert found.longest_ttl_seconds == pytest.approx(9.1)
    assert found.most_places == pytest.approx(1_150, abs=20)
    for cure in ({"ttl_seconds": 9}, {"capacity": 1_100}, {"admission": "full"}):
        cured = metastability(a_case(**retrying, queue=sick | cure))
        assert cured.vulnerable
        assert len(cured.cures) == 1


@pytest.mark.parametrize(
    ("base", "retries", "why"),
    [(60, 0, "recovers by itself"), (40, 2, "recovers by itself"), (130, 2, "without any spike")],
)
def test_who_is_not_vulnerable_is_told_why(base: float, retries: int, why: str) -> None:
    services = echo(max_concurrency=100, time={"mean_seconds": 0.8})
    clients = {"timeout_seconds": 10, "retries": retries}
    found = metastability(
        a_case(traffic={"baseline_per_second": base, "spikes": []}, services=services, clients=clients)
    )
    assert not found.vulnerable
    assert why in found.why


def test_clients_that_come_again_are_played_too_and_the_page_says_whether_that_can_last() -> None:
    """A twentieth of it: 3/s × 3 > 6.25/s > 3/s."""
    spike = {"at_seconds": 5, "duration_seconds": 10, "rate_per_second": 25}
    found = plan(
        a_stage(
            traffic={"baseline_per_second": 3, "spikes": [spike], "duration_seconds": 60},
            services=echo(max_concurrency=5, time={"mean_seconds": 0.8}),
            clients={"timeout_seconds": 10, "retries": 2},
            queue={"ttl_seconds": 600, "capacity": 15_000},
            slo={"success_share": 0.9},
        )
    )
    assert found.as_it_stands.attempts_each > 1.5
    assert "Metastable: yes" in page(found)
    assert "a TTL of at most 9.1 s" in page(found)


def test_a_second_service_that_would_be_next_is_named() -> None:
    payments = {"name": "payments", "max_concurrency": 20, "time": {"mean_seconds": 0.5}}
    spike = SPIKE | {"rate_per_second": 1_500, "duration_seconds": 3}
    found = plan(
        a_stage(
            traffic={"mix": [{"operation": "checkout"}], "spikes": [spike], "duration_seconds": 20},
            services=[payments],
        )
    )
    assert any(each.startswith("inventory: 1,500/s would come, 1,000/s") for each in found.next)


def test_nothing_is_planned_where_nothing_queues() -> None:
    with pytest.raises(NoPlan, match="holds connections and queues nothing"):
        plan(a_stage(pattern="sync"))


def test_without_a_spike_it_absorbs_what_it_can_serve() -> None:
    steady = {"traffic": {"baseline_per_second": 20, "duration_seconds": 120, "spikes": []}}
    found = plan(a_stage(**steady))
    assert found.absorbs.seconds is None
    assert found.absorbs.per_second is not None
    assert 34 < found.absorbs.per_second <= 40
    assert "nothing has to be added" in page(found)


def test_what_can_do_without_the_bottleneck_is_not_failed_by_it() -> None:
    """Half are checkouts, which cannot be paid; the others are echoes."""
    mix = [{"operation": "checkout", "share": 0.5}, {"operation": "echo", "share": 0.5}]
    payments = {"name": "payments", "max_concurrency": 20, "time": {"mean_seconds": 0.2}, "error_rate": 1.0}
    traffic = {"baseline_per_second": 10, "spikes": [], "mix": mix}
    found = plan(a_stage(traffic=traffic, services=[payments], slo={"success_share": 0.45}))
    assert found.as_it_stands.success_share == pytest.approx(0.5, abs=0.03)
    assert found.check is not None
    assert found.check.success_share == pytest.approx(0.5, abs=0.05)
    assert found.feasible
    assert found.setting.met


def test_a_scenario_without_thresholds_is_not_called_feasible() -> None:
    verdict = plan(a_stage(slo={})).verdict
    assert verdict.startswith("Nothing is to be met, since [slo] sets no threshold: capacity 40/s")
