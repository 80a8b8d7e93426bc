"""What is turned away at the door, and what it is told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bff.policies.admission import WEIGHTS, Admission, Decision, Load, PlannedCall, Verdict, admit, rests_ms, wait_ms

EMPTY = {"high": 0, "normal": 0, "low": 0}


def a_load(waiting: Mapping[str, int] = {}, **more: Any) -> Load:
    """Ten slots of 100 ms each: a start every 10 ms."""
    defaults: dict[str, Any] = {
        "bound": 1_000,
        "capacity": 1_000,
        "interval_us": 0,
        "service_us": 100_000,
        "slow_us": 100_000,
        "max_concurrency": 10,
    }
    return Load(waiting={**EMPTY, **waiting}, **{**defaults, **more})


def a_call(name: str = "a", service: str = "s", **more: Any) -> PlannedCall:
    defaults: dict[str, Any] = {"after": (), "required": True}
    return PlannedCall(name=name, service=service, **{**defaults, **more})


def decide(
    *calls: PlannedCall, priority: str = "normal", timeout_ms: int = 10_000, done: tuple[str, ...] = (), **loads: Load
) -> Decision:
    return admit(calls or (a_call(),), {"s": a_load(), **loads}, priority, timeout_ms, done)


def test_an_idle_service_takes_a_job_and_expects_it_to_take_its_own_time() -> None:
    assert decide() == Decision(Verdict.ACCEPTED, "", 0, 100)


def test_what_waits_before_it_is_counted() -> None:
    assert decide(s=a_load({"normal": 50})) == Decision(Verdict.ACCEPTED, "", 0, 50 * 10 + 100)


@pytest.mark.parametrize(
    ("load", "spacing_us"),
    [
        (a_load(), 10_000),  # slots decide
        (a_load(interval_us=20_000), 20_000),  # the rate decides
        (a_load(interval_us=5_000), 10_000),
        (a_load(service_us=1, max_concurrency=500), 1),
        (a_load(service_us=15, max_concurrency=10), 2),  # never better than it is: rounded up
    ],
)
def test_a_service_starts_calls_as_slots_and_rate_allow(load: Load, spacing_us: int) -> None:
    assert load.spacing_us == spacing_us


def test_high_waits_for_little_of_what_is_in_the_other_lanes() -> None:
    waiting = {"high": 8, "normal": 300, "low": 300}
    assert wait_ms(a_load(waiting), "high", 8) == 12 * 10
    assert wait_ms(a_load(waiting), "low", 300) == 608 * 10


@given(
    waiting=some.fixed_dictionaries({name: some.integers(0, 500) for name in WEIGHTS}),
    priority=some.sampled_from(sorted(WEIGHTS)),
)
def test_nobody_waits_longer_than_for_all_that_wait(waiting: dict[str, int], priority: str) -> None:
    load = a_load(waiting)
    wait = wait_ms(load, priority, waiting[priority])
    assert waiting[priority] * load.spacing_us // 1000 <= wait <= sum(waiting.values()) * load.spacing_us // 1000


def test_low_waits_for_those_too_who_will_come_before_it() -> None:
    waiting = {"low": 100}
    assert wait_ms(a_load(waiting), "low", 100) == 100 * 10
    half = a_load(waiting, others=500)  # 50 a second, of 100 that can start
    assert wait_ms(half, "low", 100) == 200 * 10
    assert wait_ms(a_load(waiting, others=900), "low", 100) == 1_000 * 10
    assert wait_ms(a_load(waiting, others=5_000), "low", 100) == 1_200 * 10, "as its weight allows, whatever comes"


def test_what_was_begun_before_goes_before_everybody() -> None:
    undone = {"low": 1_000}
    assert wait_ms(a_load(undone), "high", 0) == 0
    assert wait_ms(a_load(undone, again=1_000), "high", 0) == 1_000 * 10
    assert wait_ms(a_load({"high": 8, "low": 1_000}, again=1_000), "high", 8) == 1_008 * 10


def test_a_call_leaves_time_for_the_longest_path_behind_it() -> None:
    calls = [
        a_call("a", "slow"),
        a_call("b", after=("a",)),
        a_call("c", "slower", after=("a",)),
        a_call("d", after=("b", "c")),
    ]
    loads = {"s": a_load(slow_us=10_000), "slow": a_load(slow_us=500_000), "slower": a_load(slow_us=1_999_001)}
    assert rests_ms(calls, loads) == {"a": 500 + 50 + 2000 + 50 + 10, "b": 10 + 50 + 10, "c": 2000 + 50 + 10, "d": 10}


def test_a_call_leaves_no_time_for_what_is_optional_or_beside_it() -> None:
    loads = {"s": a_load(), "t": a_load(slow_us=2_000_000)}
    optional = [a_call("a"), a_call("b", "t", after=("a",), required=False)]
    assert rests_ms(optional, loads) == {"a": 100, "b": 2000}
    assert rests_ms([a_call("a"), a_call("b", "t")], loads) == {"a": 100, "b": 2000}


def test_a_full_lane_is_refused_until_one_has_left() -> None:
    assert decide(s=a_load({"normal": 30}, bound=30)) == Decision(Verdict.QUEUE_FULL, "s", 10, 300)
    assert decide(s=a_load({"normal": 34}, bound=30)).retry_ms == 50
    assert decide(s=a_load({"normal": 29}, bound=30)).verdict is Verdict.ACCEPTED


def test_the_lanes_of_others_fill_nobodys_bound() -> None:
    assert decide(s=a_load({"low": 30, "high": 30}, bound=30)).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("priority", "total", "verdict"),
    [
        ("low", 749, Verdict.ACCEPTED),
        ("low", 750, Verdict.SHEDDING),
        ("normal", 899, Verdict.ACCEPTED),
        ("normal", 900, Verdict.SHEDDING),
        ("high", 5_000, Verdict.ACCEPTED),
    ],
)
def test_low_is_shed_first_then_normal_and_high_never(priority: str, total: int, verdict: Verdict) -> None:
    others = "normal" if priority != "normal" else "low"
    assert decide(s=a_load({others: total}), priority=priority, timeout_ms=600_000).verdict is verdict


def test_who_is_shed_is_told_when_enough_will_have_left() -> None:
    assert decide(s=a_load({"low": 910}), timeout_ms=600_000).retry_ms == 11 * 10


def test_what_could_not_start_in_time_is_refused_with_how_much_it_lacks() -> None:
    load = a_load({"normal": 100})
    assert decide(s=load, timeout_ms=1_200).verdict is Verdict.ACCEPTED  # 1000 of waiting, 100 to run, 100 of margin
    assert decide(s=load, timeout_ms=1_199) == Decision(Verdict.DEADLINE_UNATTAINABLE, "s", 1, 1_000)


def test_a_service_may_allow_less_waiting_than_the_client() -> None:
    load = a_load({"normal": 100}, max_wait_ms=999)
    assert decide(s=load) == Decision(Verdict.DEADLINE_UNATTAINABLE, "s", 1, 1_000)
    assert decide(s=a_load({"normal": 100}, max_wait_ms=1_000)).verdict is Verdict.ACCEPTED


def test_a_later_calls_longest_wait_begins_when_it_is_queued() -> None:
    calls = [a_call(), a_call("b", "t", after=("a",))]
    assert decide(*calls, s=a_load({"normal": 100}), t=a_load(max_wait_ms=1)).verdict is Verdict.ACCEPTED


def test_what_waits_for_a_later_service_leaves_while_the_earlier_call_runs() -> None:
    calls = [a_call(), a_call("b", "t", after=("a",))]
    assert decide(*calls, t=a_load({"normal": 5})).expected_ms == 100 + 100
    assert decide(*calls, t=a_load({"normal": 50})).expected_ms == 500 + 100


def test_a_later_service_that_is_behind_is_why_a_job_is_refused() -> None:
    calls = [a_call(), a_call("b", "t", after=("a",))]
    decision = decide(*calls, t=a_load({"normal": 500}), timeout_ms=3_000)
    assert (decision.verdict, decision.service) == (Verdict.DEADLINE_UNATTAINABLE, "t")


WELL = Decision(Verdict.ACCEPTED, "", 0, 100)
TOO_MUCH = [
    a_load({"normal": 1_000}),
    a_load({"normal": 500}, bound=500),
    a_load(service_us=1, slow_us=400_000),
    a_load(open_ms=5_000),
]


@pytest.mark.parametrize("load", TOO_MUCH)
@pytest.mark.parametrize("spared", [{"required": False}, {"fallback": True}, {"required": False, "fallback": True}])
def test_an_optional_call_and_one_with_a_fallback_are_never_why_a_job_is_refused(
    load: Load, spared: dict[str, bool]
) -> None:
    decision = decide(a_call(), a_call("b", "t", **spared), t=load, timeout_ms=300)
    assert decision == replace(WELL, without=("b",))


@pytest.mark.parametrize("load", TOO_MUCH)
def test_what_waits_on_a_call_without_a_place_begins_at_once(load: Load) -> None:
    calls = [a_call("b", "t", fallback=True), a_call(after=("b",))]
    assert decide(*calls, t=load, timeout_ms=300) == replace(WELL, without=("b",))


def test_while_a_service_is_not_well_a_job_is_refused_until_it_is_tried_again() -> None:
    assert decide(s=a_load(open_ms=5_000)) == Decision(Verdict.DOWNSTREAM_UNAVAILABLE, "s", 5_000, 5_000)


def test_where_an_answer_may_be_in_the_cache_a_job_is_let_in() -> None:
    assert decide(a_call(cached=True), s=a_load(open_ms=5_000)) == WELL


def test_a_service_that_is_tried_again_starts_as_few_as_its_probes() -> None:
    assert a_load(half_open=True).spacing_us == 33_334
    assert a_load(half_open=True, max_concurrency=1).spacing_us == 100_000


def test_a_rest_that_a_service_asked_for_is_waited_for() -> None:
    assert decide(s=a_load({"normal": 10}, paused_ms=3_000)).expected_ms == 3_000 + 100 + 100


def test_who_waits_for_a_service_that_is_held_without_an_end_is_told_an_hour() -> None:
    assert decide(s=a_load(held=True, admission=Admission.CAPACITY)).expected_ms == 3_600_000 + 100


def test_what_is_done_already_waits_for_nothing() -> None:
    calls = [a_call(), a_call("b", "t", after=("a",))]
    full, free = a_load({"normal": 1_000}), a_load()
    assert decide(*calls, s=full, t=free).verdict is Verdict.QUEUE_FULL
    assert decide(*calls, s=full, t=free, done=("a",)) == Decision(Verdict.ACCEPTED, "", 0, 100)


@pytest.mark.parametrize(
    ("load", "full", "capacity"),
    [
        (a_load({"normal": 500}, bound=500), Verdict.QUEUE_FULL, Verdict.QUEUE_FULL),
        (a_load({"low": 900}), Verdict.SHEDDING, Verdict.ACCEPTED),
        (a_load({"normal": 100}, max_wait_ms=500), Verdict.DEADLINE_UNATTAINABLE, Verdict.ACCEPTED),
        (a_load(open_ms=5_000), Verdict.DOWNSTREAM_UNAVAILABLE, Verdict.ACCEPTED),
        (a_load(held=True), Verdict.DOWNSTREAM_UNAVAILABLE, Verdict.ACCEPTED),
    ],
)
def test_admission_can_be_turned_down_to_the_lanes_bound_and_to_nothing(
    load: Load, full: Verdict, capacity: Verdict
) -> None:
    assert decide(s=load).verdict is full
    assert decide(s=replace(load, admission=Admission.CAPACITY)).verdict is capacity
    assert decide(s=replace(load, admission=Admission.NONE)).verdict is Verdict.ACCEPTED


def test_each_service_is_looked_at_in_its_own_way() -> None:
    calls = [a_call(), a_call("b", "t", after=("a",))]
    full = a_load({"normal": 1_000})
    assert decide(*calls, s=replace(full, admission=Admission.NONE), t=full).service == "t"
    assert decide(*calls, s=full, t=replace(full, admission=Admission.NONE)).service == "s"


def test_where_nothing_is_looked_at_an_optional_call_gets_a_place_too() -> None:
    decision = decide(a_call(), a_call("b", "t", required=False), t=a_load({"normal": 2_000}, admission=Admission.NONE))
    assert decision.without == ()
