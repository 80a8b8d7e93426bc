"""Predicted and measured beside each other: what agrees, by which rule, and what explains the gap."""

import json
from dataclasses import replace
from math import nan

import pytest

from scenario.comparison.observed import Observed
from scenario.comparison.twin import EXPLAINED, Predicted, Twin, chance
from scenario.result import Figures, Percentiles, Source
from scenario.text.twin import document, page
from tests.scenario.played import a_stage, some_figures

STAGE = a_stage()
MEASURED = some_figures(STAGE)
OBSERVED = Observed(
    calls=600,
    mean_service_seconds=0.84,
    service_seconds=[0.84, nan],
    turnaround_seconds=0.012,
    accept_seconds=[0.004, nan],
    beside_seconds=[0.13],
)


def predicted(peak: float = 400, p95: float = 20.0) -> Predicted:
    figures = some_figures(STAGE, Source.SIMULATION, peak_depth=peak, result_seconds=Percentiles(20, 20, p95, 20))
    return Predicted(figures, {})


def a_twin(*steps: Predicted, measured: Figures = MEASURED) -> Twin:
    return Twin(stage=STAGE, steps=steps, observed=OBSERVED, measured=measured)


def test_what_agrees_as_it_is_stated_needs_no_more() -> None:
    twin = a_twin(predicted(390), predicted(100), predicted(100), predicted(100))
    assert twin.agree
    assert "agree, as the scenario is stated" in page(twin)


def test_what_agrees_once_it_is_given_what_was_fitted_is_said_to_do_so() -> None:
    twin = a_twin(predicted(300), predicted(350), predicted(390), predicted(398))
    assert twin.agree
    assert "agree once the simulation is given what was fitted" in page(twin)
    [row] = [line for line in page(twin).splitlines() if "agrees as fitted" in line]
    assert row.split()[:3] == ["deepest", "queue", "300"]


def test_what_agrees_neither_way_differs_and_every_such_figure_is_named() -> None:
    twin = a_twin(*[predicted(300, 15)] * 4)
    assert not twin.agree
    assert document(twin)["as_fitted"]["beyond"] == ["peak_depth", "result_seconds.p95"]
    assert "deepest queue: as stated 300, measured 400 (+100)" in page(twin)


def test_what_chance_does_to_a_single_run_is_no_difference() -> None:
    prediction = Predicted(predicted(300).figures, {"peak_depth": (200.0, 410.0)})
    assert a_twin(*[prediction] * 4).agree
    farther = Predicted(predicted(300).figures, {"peak_depth": (200.0, 390.0)})
    assert not a_twin(*[farther] * 4).agree


def test_chance_is_what_replications_scatter_by() -> None:
    scattered = chance([predicted(peak).figures for peak in (90, 100, 110)])
    low, high = scattered["peak_depth"]
    assert (low + high) / 2 == pytest.approx(100)
    assert high - 100 == pytest.approx(3 * 10 * (4 / 3) ** 0.5)
    assert scattered["shares.lost"] == (0, 0)


def test_the_gap_is_the_sum_of_what_explains_it_and_what_is_left() -> None:
    twin = a_twin(predicted(300), predicted(340), predicted(360), predicted(390))
    [gap] = [gap for gap in twin.gaps if gap.measure.name == "peak_depth"]
    assert gap.explained == dict(zip(EXPLAINED, (40, 20, 30), strict=True))
    assert (gap.whole, gap.left) == (100, 10)


def test_what_the_live_stack_added_is_said_in_numbers() -> None:
    text = page(a_twin(*[predicted()] * 4))
    assert "a call to payments took 840 ms on average of 600; stated is 800 ms" in text
    assert "a slot that was free while somebody waited was taken after 12 ms" in text
    assert "half of the requests were answered within 4 ms" in text
    assert "took 130 ms" in text


def test_a_gateway_that_holds_requests_is_not_asked_for_its_queue() -> None:
    stage = a_stage(pattern="sync")
    twin = Twin(stage=stage, steps=[predicted(300)] * 4, observed=OBSERVED, measured=MEASURED)
    assert twin.agree
    assert "deepest queue" not in page(twin)


def test_an_invalid_run_is_said_to_be_one_before_all_else() -> None:
    measured = replace(MEASURED, load={"valid": False, "reasons": ["it sent late"]})
    assert page(a_twin(*[predicted()] * 4, measured=measured)).startswith("Invalid.")


def test_the_document_is_json() -> None:
    twin = a_twin(*[predicted()] * 4)
    told = json.loads(json.dumps(document(twin)))
    assert told["agree"] is True
    assert told["observed"]["mean_service_seconds"] == 0.84
    assert told["measured"]["peak_depth"] == 400
