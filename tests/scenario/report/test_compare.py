"""Two runs laid on one another: what differs, and why perhaps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scenario import words
from scenario.comparison.compare import Comparison, Tolerance, busy_rate, compare
from scenario.comparison.measures import measures
from scenario.comparison.named import Named
from scenario.result import Percentiles
from scenario.stage import Stage


def the(compared: Comparison, name: str) -> bool:
    """Whether that figure differs by more than it may."""
    return next(each.beyond for each in compared.differences if each.measure.name == name)


def changed(run: Named, **changes: object) -> Named:
    return Named("other", replace(run.figures, **changes))  # type: ignore[arg-type]


def test_a_run_agrees_with_itself(stage: Stage, predicted: Named) -> None:
    compared = compare(predicted, Named("again", predicted.figures), stage)
    assert compared.beyond == ()
    assert compared.verdict().startswith("All of ")
    assert all(each.absolute in (0, None) for each in compared.differences)


def test_a_slower_service_is_found_to_be_the_reason(stage: Stage, predicted: Named, measured: Named) -> None:
    compared = compare(predicted, measured, stage)
    assert the(compared, "shares.succeeded")
    assert not the(compared, "offered")
    reason = next(each for each in compared.reasons if each.startswith("while work waited"))
    rate, stated = busy_rate(measured.figures), busy_rate(predicted.figures)
    assert rate is not None
    assert stated == pytest.approx(1.2 * rate, rel=0.02)
    assert f"measured served {words.per_second(rate)}; payments is stated to carry 6.25/s" in reason
    assert f"as if each call held its slot for {words.seconds(5 / rate)}" in reason
    assert "rather than 800 ms" in reason


def test_the_gateways_own_time_is_found(stage: Stage, predicted: Named, measured: Named) -> None:
    reasons = compare(predicted, measured, stage).reasons
    assert any(each.startswith("accepting a request took no time in predicted but 17") for each in reasons)


def test_a_rate_is_told_only_where_the_queue_was_busy_for_long(predicted: Named) -> None:
    assert busy_rate(predicted.figures) == pytest.approx(6.25, rel=0.03)
    idle = replace(predicted.figures.series, depth=[0.0] * len(predicted.figures.series.depth))
    assert busy_rate(replace(predicted.figures, series=idle)) is None


def test_shares_may_differ_by_two_points(stage: Stage, predicted: Named) -> None:
    for by, beyond in ((0.019, False), (0.021, True)):
        shares = {**predicted.figures.shares, "succeeded": predicted.figures.shares["succeeded"] + by}
        assert the(compare(predicted, changed(predicted, shares=shares), stage), "shares.succeeded") is beyond


def test_times_may_differ_by_a_tenth_or_fifty_milliseconds(stage: Stage, predicted: Named) -> None:
    quick = changed(predicted, result_seconds=Percentiles(0.1, 0.1, 0.1, 10.0))
    slower = changed(predicted, result_seconds=Percentiles(0.14, 0.14, 0.16, 10.9))
    compared = compare(quick, slower, stage)
    found = {name: the(compared, f"result_seconds.{name}") for name in ("mean", "p50", "p95", "p99")}
    assert found == {"mean": False, "p50": False, "p95": True, "p99": False}


@given(first=some.floats(100, 1e6), part=some.floats(-0.5, 0.5))
def test_the_tolerance_can_be_told(stage: Stage, predicted: Named, first: float, part: float) -> None:
    one, other = changed(predicted, peak_depth=first), changed(predicted, peak_depth=first * (1 + part))
    allowed = Tolerance(relative=0.25, counts=0)
    assert the(compare(one, other, stage, allowed), "peak_depth") is (abs(first * (1 + part) - first) > 0.25 * first)


def test_what_lies_within_the_interval_of_a_simulation_agrees(stage: Stage, predicted: Named) -> None:
    one = changed(predicted, peak_depth=700.0, interval_95={"peak_depth": (500.0, 900.0)})
    assert not the(compare(one, changed(predicted, peak_depth=890.0), stage), "peak_depth")
    assert the(compare(one, changed(predicted, peak_depth=910.0), stage), "peak_depth")


def test_what_happened_in_one_of_them_alone_differs(stage: Stage, predicted: Named) -> None:
    never = changed(predicted, first_rejection_seconds=None)
    compared = compare(predicted, never, stage)
    assert the(compared, "first_rejection_seconds")
    assert any("other none" in line for line in compared.lines())


def test_what_only_one_of_them_measures_is_none_to_compare(stage: Stage, predicted: Named, measured: Named) -> None:
    compared = compare(predicted, measured, stage)  # the simulation has no latency of acceptance
    assert not the(compared, "accept_seconds.p99")


def test_other_arrivals_and_more_attempts_are_said(stage: Stage, predicted: Named) -> None:
    offered = predicted.figures.offered
    reasons = compare(predicted, changed(predicted, offered=offered * 0.8, attempts=offered * 2), stage).reasons
    assert any(each.startswith("they were not offered the same") for each in reasons)
    assert any("attempts for each request: 1 in predicted, 2.5 in other" in each for each in reasons)


def test_an_invalid_run_is_the_first_reason(stage: Stage, predicted: Named) -> None:
    invalid = changed(predicted, load={"valid": False, "reasons": ["sent 80 ms late"]})
    assert compare(predicted, invalid, stage).reasons[0] == "other is invalid: sent 80 ms late"


def test_every_figure_is_compared_once(stage: Stage, predicted: Named, measured: Named) -> None:
    names = [each.measure.name for each in compare(predicted, measured, stage).differences]
    assert len(names) == len(set(names))
    assert set(names) >= set(measures(predicted.figures)) | set(measures(measured.figures))
