"""Scenarios to plan for: by default a spike that a queue of echo cannot bear, with numbers that a test changes."""

import json
from typing import Any

from bff.catalog.catalog import load_catalog
from scenario.model import Scenario
from scenario.reading import read_scenario
from scenario.stage import Stage, stage_of
from simulator.planner.case import Case, case_of

CATALOG = load_catalog()
SPIKE = {"at_seconds": 10, "duration_seconds": 20, "rate_per_second": 100}


def a_stage(**changes: Any) -> Stage:
    """40/s can be served, 100/s come for 20 s. What is a table is laid over that of the default."""
    document: dict[str, Any] = {
        "name": "spiked",
        "traffic": {
            "baseline_per_second": 20,
            "duration_seconds": 60,
            "mix": [{"operation": "echo"}],
            "spikes": [SPIKE],
        },
        "services": [{"name": "echo", "max_concurrency": 20, "time": {"mean_seconds": 0.5}}],
        "queue": {"capacity": 300, "ttl_seconds": 6, "admission": "capacity"},
        "clients": {"timeout_seconds": 20, "wait": "long_poll"},
    }
    for name, value in changes.items():
        document[name] = document[name] | value if isinstance(value, dict) and name in document else value
    return stage_of(Scenario.model_validate_json(json.dumps(document)), CATALOG)


def echo(**changes: Any) -> list[dict[str, Any]]:
    """The one service."""
    return [{"name": "echo", "max_concurrency": 20, "time": {"mean_seconds": 0.5}} | changes]


def a_case(**changes: Any) -> Case:
    return case_of(a_stage(**changes))


def shipped(name: str) -> Stage:
    return stage_of(read_scenario(name, CATALOG), CATALOG)
