"""A run of which every figure is known, to be summed up."""

import json
from dataclasses import replace
from typing import Any

from bff.catalog.catalog import load_catalog
from scenario.model import Scenario
from scenario.result import End, Figures, Series, Source
from scenario.stage import Stage, stage_of
from scenario.tally import Requests, Run, figures

SPIKE = {"at_seconds": 10, "duration_seconds": 20, "rate_per_second": 50}
PAYMENTS = {"name": "payments", "max_concurrency": 10, "time": {"mean_seconds": 0.8}}
TRAFFIC = {"baseline_per_second": 5, "duration_seconds": 60, "spikes": [SPIKE]}


def a_stage(**changes: Any) -> Stage:
    """Payments carry 12.5/s; 45 s of that are 562 places, and there are 400."""
    document = {
        "name": "spike",
        "traffic": TRAFFIC,
        "services": [PAYMENTS],
        "queue": {"capacity": 400},
        "slo": {"success_share": 0.5, "result_p95_seconds": 10, "drain_seconds": 60},
    }
    return stage_of(Scenario.model_validate_json(json.dumps(document | changes)), load_catalog())


def some_figures(stage: Stage, source: Source = Source.LOAD, **changes: Any) -> Figures:
    """1,000 requests in the spike: 600 succeeded after 20 s, 300 were rejected, 100 expired."""
    requests = Requests()
    for number in range(1000):
        at = 10 + number / 50
        if number % 10 < 6:
            requests.add(at, 0, End.SUCCEEDED, accept=0.004, wait=18, result=20, told=21)
        elif number % 10 < 9:
            requests.add(at, 0, End.REJECTED, accept=0.003)
        else:
            requests.add(at, 0, End.EXPIRED, accept=0.004)
    run = Run(
        attempts=1000,
        accepted=700,
        rejected_by_reason={"queue-full": 250, "shedding": 50},
        peak_depth=400,
        first_rejection_at=15.5,
        first_expiry_at=None,
        emptied_at=62.0,
        utilisation=0.97,
        series=Series(),
    )
    return replace(figures(stage.scenario, source, requests, run), **changes)
