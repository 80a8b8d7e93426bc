"""The engine in the browser and the one in Python: the same results on the same inputs, in real Chromium."""

import json
from math import nan
from typing import Any

import pytest
from playwright.async_api import Page

from bff.catalog.catalog import load_catalog
from scenario.reading import parse_scenario
from scenario.result import End, Figures, Source
from scenario.stage import stage_of
from scenario.tally import Requests, figures
from simulator.engine.events import by_events
from simulator.engine.inputs import inputs_of
from simulator.engine.plan import Plan, plan_of
from simulator.page.plan_document import plan_document
from tests.simulator.page.some_scenarios import some_scenario

pytestmark = pytest.mark.anyio

CATALOG = load_catalog()
IN_BROWSER = """async ([scenario, plan]) => {
  const { byEvents } = await import("/engine/events.js");
  const { figures } = await import("/scenario/tally.js");
  const { Journal } = await import("/engine/journal.js");
  const running = byEvents(scenario, plan, new Journal());
  let at = running.next();
  while (!at.done) at = running.next();
  const { requests, run } = at.value;
  const columns = Object.fromEntries(Object.entries(requests).map(([name, column]) => [name, [...column]]));
  return JSON.stringify({ columns, figures: figures(scenario, "simulation", requests, run) });
}"""


def plan(document: dict[str, Any]) -> Plan:
    return plan_of(stage_of(parse_scenario(document, "", "some", CATALOG), CATALOG))


def in_python(planned: Plan) -> tuple[Requests, Figures]:
    requests, run = by_events(planned, inputs_of(planned))
    return requests, figures(planned.stage.scenario, Source.SIMULATION, requests, run)


def close(wanted: Any) -> Any:
    return pytest.approx(wanted, abs=1e-9, rel=1e-9, nan_ok=True)


def leaves(document: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """By their paths: those that are numbers, and the others."""
    found = flattened(document)
    numbers = {at: value for at, value in found.items() if isinstance(value, int | float)}
    return numbers, {at: value for at, value in found.items() if at not in numbers}


def flattened(document: Any, at: str = "") -> dict[str, Any]:
    """Every leaf by its path."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    found: dict[str, Any] = {}
    for key, value in pairs:
        found |= flattened(value, f"{at}/{key}") if isinstance(value, dict | list) else {f"{at}/{key}": value}
    return found


@pytest.mark.parametrize("first", range(0, 28, 7))
async def test_every_request_ends_alike_and_at_the_same_time(page: Page, simulator: str, first: int) -> None:
    await page.goto(f"{simulator}/livez")
    for number in range(first, first + 7):
        planned = plan(some_scenario(number))
        ours, our_figures = in_python(planned)
        scenario = planned.stage.scenario.model_dump(mode="json")
        theirs = json.loads(await page.evaluate(IN_BROWSER, [scenario, plan_document(planned)]))
        columns = theirs["columns"]
        assert columns["end"] == ours.end, number
        assert columns["part"] == ours.part, number
        for name in ("at", "accept", "wait", "result", "told"):
            got = [nan if value is None else value for value in columns[name]]
            assert got == close(getattr(ours, name)), (number, name)
        numbers, others = leaves(theirs["figures"])
        our_numbers, our_others = leaves(json.loads(json.dumps(our_figures.to_json())))
        assert numbers == close(our_numbers), number
        assert others == our_others, number


def test_the_scenarios_end_in_every_way_that_there_is() -> None:
    ends = {end for number in range(28) for end in in_python(plan(some_scenario(number)))[0].end}
    assert ends == set(End) - {End.LOST}
