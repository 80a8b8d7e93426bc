"""What the page asks of the server: what only Python knows of a scenario. Each is given a text, and answers."""

import json
import tomllib
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from bff.catalog.catalog import Catalog
from scenario.export import services_toml, settings
from scenario.model import Pattern, Scenario
from scenario.reading import ScenarioError, parse_scenario
from scenario.report.asked import asked, demands
from scenario.result import figures_from_json
from scenario.stage import stage_of
from scenario.writing import to_toml
from simulator.engine.plan import plan_of
from simulator.page.plan_document import plan_document


@dataclass(frozen=True, slots=True)
class Answers:
    """By a catalog. Raise ScenarioError where the scenario is none; NotExported, ValueError where said."""

    catalog: Catalog

    def plan(self, text: str) -> Response:
        """The scenario with all its defaults, the plan that it is simulated by, and what its sums say."""
        scenario = self._scenario(text)
        stage = stage_of(scenario, self.catalog)
        queued = stage_of(scenario.model_copy(update={"pattern": Pattern.ASYNC}), self.catalog)
        answer = {
            "scenario": scenario.model_dump(mode="json"),
            "plan": plan_document(plan_of(stage)),
            "demands": {**asdict(demands(queued)), "service": stage.bottleneck.name},
            "asked": asked(queued),
        }
        return JSONResponse(answer)

    def toml(self, text: str) -> Response:
        return PlainTextResponse(to_toml(self._scenario(text)))

    def services(self, text: str) -> Response:
        """The services.toml that the live stack runs, its settings in comments. Raises NotExported."""
        staged = stage_of(self._scenario(text), self.catalog)
        told = "".join(f"\n# with {name}={value}\n" for name, value in settings(staged).items())
        return PlainTextResponse(services_toml(staged, self.catalog) + told)

    def read(self, text: str, name: str = "scenario.toml") -> Response:
        """The scenario that a file says; `name` is what complaints call it."""
        try:
            document = tomllib.loads(text)
        except (RecursionError, ValueError) as error:  # TOMLDecodeError is one, with the line
            raise ScenarioError(f"{name}: {error}") from None
        return JSONResponse(parse_scenario(document, text, name, self.catalog).model_dump(mode="json"))

    def result(self, text: str) -> Response:
        """The result of a load run or a simulation, looked through. Raises ValueError."""
        return JSONResponse(figures_from_json(text).to_json())

    def _scenario(self, text: str) -> Scenario:
        return parse_scenario(_object(text), "", "scenario", self.catalog)


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"scenario: no JSON: {error}") from None
    if not isinstance(document, dict):
        raise ScenarioError("scenario: no JSON object")
    return document
