"""What stands under a chart is computed from what it shows."""

from dataclasses import replace
from math import nan

from scenario.alarms import alarms
from scenario.comparison.named import Named
from scenario.report import asked, latency, outcomes, over_time, verdict
from scenario.report.html import Figure
from scenario.result import Figures, Percentiles, Series, Source, Threshold
from scenario.stage import Stage
from tests.scenario.report.played import played, the_stage

SECONDS = [float(second) for second in range(100)]


def a_run(figures: Figures, name: str = "run", **columns: list[float]) -> Named:
    """With these columns, and no others, for a series; the queue's greatest depth is its peak."""
    series = Series(seconds=SECONDS, **{"arrived": [10.0] * 100, **columns})
    return Named(name, replace(figures, series=series, peak_depth=max(columns.get("depth", [0.0]))))


def of(stage: Stage, name: str, *runs: Named) -> Figure:
    return next(each for each in over_time.figures(stage, runs) if each.name.startswith(name))


def test_the_queue_is_said_to_be_full_when_it_was(stage: Stage, predicted: Named) -> None:
    """750 places, of which 281 can start within 45 s at 6.25 a second."""
    depth = [0.0] * 20 + [300.0] * 20 + [750.0] * 30 + [0.0] * 30
    says = of(stage, "Queue", a_run(predicted.figures, depth=depth)).says
    assert "At most 750 places were taken, at about 40 s." in says
    assert "The queue was full, or nearly, from 40 s to 69 s." in says
    assert "It was deeper than C·TTL from 20 s to 69 s" in says


def test_a_queue_that_was_never_used_is_said_to_be_so(stage: Stage, predicted: Named) -> None:
    assert of(stage, "Queue", a_run(predicted.figures, depth=[0.0] * 100)).says.startswith("Nothing ever waited.")


def test_limits_far_above_everything_are_named_instead_of_drawn(stage: Stage, predicted: Named) -> None:
    shown = of(stage, "Queue", a_run(predicted.figures, depth=[2.0] * 100))
    assert "Not drawn, being far above: C·TTL 281 and capacity 750." in shown.says
    assert "limit" not in shown.svg


def test_the_age_is_held_against_the_ttl(stage: Stage, predicted: Named) -> None:
    age = [0.0] * 30 + [44.0] * 30 + [10.0] * 40
    says = of(stage, "Age", a_run(predicted.figures, depth=age, oldest_age=age)).says
    assert says == "The oldest had waited 44 s (at 30 s). It was within 5 % of the TTL, or past it, from 30 s to 59 s."


def test_rejections_and_expiries_are_said_with_their_times(stage: Stage, predicted: Named) -> None:
    rejected, expired = [0.0] * 50 + [7.0] * 20 + [0.0] * 30, [0.0] * 100
    says = of(stage, "Requests", a_run(predicted.figures, rejected=rejected, expired=expired)).says
    assert says == "Arrived: at most 10/s (at 0 s). Rejected: at most 7/s (at 50 s), from 50 s to 69 s."


def test_several_runs_are_told_apart_by_name(stage: Stage, predicted: Named) -> None:
    runs = [a_run(predicted.figures, name, served=[rate] * 100) for name, rate in (("one", 5.0), ("other", 8.0))]
    assert "Served: at most 5/s (at 0 s) one and 8/s (at 0 s) other." in of(stage, "Requests", *runs).says


def test_what_is_not_known_is_a_gap_and_not_nothing(stage: Stage, predicted: Named) -> None:
    depth = [400.0] * 40 + [nan] * 20 + [400.0] * 40
    shown = of(stage, "Queue", a_run(predicted.figures, depth=depth))
    line = shown.svg.split('class="line" d="')[1].split('"')[0]
    assert line.count("M") == 2
    assert "nan" not in shown.svg
    assert [row[1].text for row in shown.data.rows[39:41]] == ["400", "–"]


def test_a_series_of_nothing_known_is_not_drawn(stage: Stage, predicted: Named) -> None:
    names = [each.name for each in over_time.figures(stage, [a_run(predicted.figures, depth=[nan] * 100)])]
    assert names == ["Requests each second", "How requests ended, each second"]


def test_latencies_are_said_with_half_and_ninety_nine_per_cent(stage: Stage, predicted: Named) -> None:
    quick = replace(predicted.figures, result_seconds=Percentiles(2.1, 1.5, 2.5, 4.0), told_seconds=Percentiles())
    says = next(iter(latency.figures([Named("run", quick)]))).says
    assert "Result (until the job had succeeded): half within 1.5 s, 99 % within 4 s." in says
    assert "told" not in says.lower()


def test_percentiles_say_how_far_they_go(predicted: Named) -> None:
    points = {"result_seconds": [(0.5, 1.0), (0.9, 2.0), (0.999, 3.0), (1.0, 9.0)]}
    figures = replace(predicted.figures, percentile_points=points)
    says = list(latency.figures([Named("run", figures)]))[-1].says
    assert says == "Result: 99.9 % took at most 3 s, the longest 9 s."


def test_outcomes_are_said_from_the_most_to_the_fewest(predicted: Named) -> None:
    shares = {"succeeded": 0.25, "expired": 0.75}
    figures = replace(predicted.figures, offered=1_000, shares=shares, spike={}, by_priority={})
    shown = outcomes.figure([Named("run", figures)])
    assert shown is not None
    assert shown.says == "Of 1,000 requests: 75 % expired and 25 % succeeded."


def test_a_run_that_was_offered_nothing_has_no_bars(predicted: Named) -> None:
    figures = replace(
        predicted.figures, offered=0, shares=dict.fromkeys(predicted.figures.shares, 0.0), spike={}, by_priority={}
    )
    assert outcomes.figure([Named("run", figures)]) is None
    assert verdict.ends_sentence(figures) == "Nothing was offered."


def test_the_verdict_counts_what_was_missed(predicted: Named) -> None:
    met, missed = Threshold("success_share", 0.9, 0.95, met=True), Threshold("drain_seconds", 300, None, met=False)
    slo = {"all": [met, met], "one": [met, missed], "none": []}
    said = {name: verdict.said(replace(predicted.figures, slo=of)) for name, of in slo.items()}
    assert said == {
        "all": "All thresholds were met.",
        "one": "1 of 2 thresholds was missed.",
        "none": "No thresholds were set.",
    }
    told = verdict.verdict([Named("run", replace(predicted.figures, slo=[missed]))])
    assert "</b>: queue empty again: nothing to measure; wanted at most 300\xa0s" in told


def test_alarms_say_what_may_never_happen(predicted: Named) -> None:
    load = {"valid": False, "reasons": ["it was interrupted"], "lost": 2, "max_effects_per_key": 3}
    assert list(alarms(replace(predicted.figures, source=Source.LOAD, load=load))) == [
        "invalid. What follows says nothing about the system: it was interrupted.",
        "lost. 2 accepted requests never ended; there must be none.",
        "doubled. A call took effect 3 times; each may once.",
    ]
    assert list(alarms(predicted.figures)) == []


def test_what_was_asked_says_what_the_bottleneck_can_carry() -> None:
    said = asked.asked(the_stage(1.0))
    assert said.startswith("Requests for checkout come at 10/s, up to 500/s in spikes, for 900")
    assert "carries 125 calls a second; 500 are offered at the peak, 4 times as many" in said
    assert "5,625 can start within the TTL of 45 s (C·TTL)" in said
    assert "15,000 places: 9,375 of them can only hold work that will expire" in said


def test_a_scenario_that_fits_is_not_said_to_store_what_will_expire() -> None:
    stage = the_stage(1.0, traffic={"spikes": []})
    said = asked.asked(stage)
    assert "10 are offered at the peak, 8 % of that" in said
    assert "will expire" not in said


def test_without_a_ttl_it_is_what_clients_leave() -> None:
    rows = {row[0].text: row[1].text for row in asked.table(the_stage(1.0, queue={"ttl_seconds": 0})).rows}
    assert rows["Longest wait for a start (TTL)"].endswith("(what clients wait for, less the time that the work takes)")


def test_a_synchronous_scenario_has_no_queue() -> None:
    stage = the_stage(pattern="sync", gateway_concurrency=50)
    assert "the gateway holds 50 requests at once" in asked.asked(stage).lower()
    assert "Queue" not in {row[0].text for row in asked.table(stage).rows}
    names = [each.name for each in over_time.figures(stage, [Named("run", played(stage))])]
    assert not any(name.startswith(("Queue", "Age")) for name in names)
