import json
from math import isnan, nan

import pytest

from scenario.model import Pattern
from scenario.result import End, Figures, Percentiles, Series, Source, figures_from_json
from scenario.text.summary import duration, page, percent
from tests.scenario.played import PAYMENTS, TRAFFIC, a_stage, some_figures


def line_of(text: str, begins: str) -> str:
    return next(line.strip() for line in text.splitlines() if line.strip().startswith(begins))


def test_the_page_says_what_became_of_the_requests() -> None:
    stage = a_stage()
    text = page(some_figures(stage), stage)
    assert "spike (async), driven" in text
    assert "1,000 requests in 60 s, 700 accepted, 1,000 attempts" in text
    assert line_of(text, "succeeded").split()[2:5] == ["60.00", "%", "600"]
    assert line_of(text, "lost").split()[2:5] == ["0.00", "%", "0"]
    assert line_of(text, "attempts rejected").endswith("queue-full 250, shedding 50")


def test_the_page_fits_a_terminal_and_is_one_page() -> None:
    stage = a_stage()
    lines = page(some_figures(stage), stage).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 40


def test_the_queue_is_held_against_its_capacity_and_what_can_still_start() -> None:
    """10 slots of 0.8 s carry 12.5/s; in 45 s that is 562 places, of which there are only 400."""
    stage = a_stage()
    assert stage.useful_depth == 562.5
    text = page(some_figures(stage), stage)
    assert line_of(text, "peak depth").endswith("400, 100% of 400 places")
    assert line_of(text, "C·TTL").endswith("12.5/s × 45 s = 562 places")
    assert line_of(text, "first rejection").endswith("5.50 s after the first spike began")
    assert line_of(text, "first expiry").endswith("none")
    assert line_of(text, "drained").endswith("32.00 s after the last spike")


def test_a_queue_deeper_than_what_can_start_is_said_to_be_so() -> None:
    stage = a_stage(queue={"capacity": 600})
    assert "only expires" in line_of(page(some_figures(stage), stage), "C·TTL")


def test_without_a_ttl_the_clients_timeout_bounds_the_wait() -> None:
    """60 s less a slow payment (p95 2.4 s), stock, order, hops and the margin: some 57 s."""
    stage = a_stage(queue={"capacity": 400, "ttl_seconds": 0})
    assert 12.5 * 56 < stage.useful_depth < 12.5 * 58


def test_thresholds_that_were_missed_are_told_from_those_that_were_met() -> None:
    stage = a_stage()
    text = page(some_figures(stage), stage)
    assert "thresholds: 1 of 3 missed" in text
    assert line_of(text, "met     success").endswith("60.00 %, wanted at least 50.00 %")
    assert line_of(text, "MISSED").endswith("20.00 s, wanted at most 10.00 s")


def test_an_invalid_run_says_so_before_anything_else() -> None:
    stage = a_stage()
    load = {"valid": False, "reasons": ["the sender was late by 1.2 s at p99"]}
    lines = page(some_figures(stage, load=load), stage).splitlines()
    assert lines[0].startswith("INVALID")
    assert lines[1].strip() == "the sender was late by 1.2 s at p99"


def test_a_simulation_says_how_often_it_was_repeated_and_how_sure_it_is() -> None:
    stage = a_stage()
    changes = {"replications": 30, "interval_95": {"peak_depth": (398.0, 400.0)}}
    text = page(some_figures(stage, Source.SIMULATION, accept_seconds=Percentiles(), **changes), stage)
    assert "simulated, mean of 30 replications" in text
    assert "400 (398 to 400)" in line_of(text, "peak depth")
    assert "accept " not in text  # a simulation has no accept latency to tell


def test_an_interval_of_few_replications_does_not_begin_below_nothing() -> None:
    stage = a_stage()
    changes = {"replications": 2, "interval_95": {"peak_depth": (-2.2, 10.5)}}
    text = page(some_figures(stage, Source.SIMULATION, accept_seconds=Percentiles(), **changes), stage)
    assert "(0 to " in line_of(text, "peak depth")


def test_each_priority_has_its_line_where_there_are_several() -> None:
    mix = [{"priority": priority, "share": 0.5} for priority in ("high", "low")]
    stage = a_stage(traffic=TRAFFIC | {"mix": mix})
    text = page(some_figures(stage), stage)
    assert line_of(text, "high").split()[1:4] == ["1,000", "60.00", "%"]
    assert line_of(text, "low").split()[1] == "0"


def test_a_synchronous_run_has_no_queue_to_tell_of() -> None:
    stage = a_stage(pattern=Pattern.SYNC, gateway_concurrency=50)
    text = page(some_figures(stage), stage)
    assert "50 requests held at once" in text
    assert "peak depth" not in text


def test_nothing_is_rounded_to_all_or_none() -> None:
    assert percent(0.999_99) == "> 99.99 %"
    assert percent(0.000_01) == "< 0.01 %"
    assert (percent(1), percent(0)) == ("100.00 %", "0.00 %")


@pytest.mark.parametrize(("seconds", "said"), [(0.0042, "4 ms"), (4.2, "4.20 s"), (1234.5, "1,234 s"), (None, "-")])
def test_a_duration_is_said_in_the_unit_that_suits_it(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_a_result_that_was_written_is_read_as_it_was() -> None:
    figures: Figures = some_figures(a_stage(services=[PAYMENTS]))
    read = figures_from_json(json.dumps(figures.to_json()))
    assert read == figures
    assert page(read, a_stage()) == page(figures, a_stage())
    assert read.shares[End.REJECTED] == 0.3


def test_what_is_not_known_stays_unknown_in_json() -> None:
    """NaN is no JSON, and 0 would be a lie."""
    figures = some_figures(a_stage(), series=Series(seconds=[0.0, 1.0], depth=[nan, 3.0]))
    text = json.dumps(figures.to_json(), allow_nan=False)
    assert json.loads(text)["series"]["depth"] == [None, 3.0]
    depth = figures_from_json(text).series.depth
    assert isnan(depth[0])
    assert depth[1] == 3.0
