"""`python -m simulator.page.advise FILE`: the planner's advice on the scenario (JSON) on stdin, by FILE's services.

A process of its own: it takes seconds of one processor, and whoever no longer wants it ends it. Speaks lines of JSON:
`doing` on its way, then `verdict` and `page`, as `bff plan` prints it, or `error`.
"""

import json
import sys
from pathlib import Path

from bff.catalog.catalog import load_catalog
from scenario.model import Pattern
from scenario.reading import parse_scenario
from scenario.stage import stage_of
from simulator.planner.calculators import NoPlan
from simulator.planner.page import page
from simulator.planner.plan import plan


def advise(text: str, services_file: Path) -> None:
    catalog = load_catalog(services_file)
    scenario = parse_scenario(json.loads(text), "", "scenario", catalog)
    stage = stage_of(scenario.model_copy(update={"pattern": Pattern.ASYNC}), catalog)
    try:
        planned = plan(stage, said=lambda what: _say(doing=what))
        _say(verdict=planned.verdict, page=page(planned))
    except NoPlan as why:
        _say(error=str(why))


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    advise(sys.stdin.read(), Path(sys.argv[1]))
