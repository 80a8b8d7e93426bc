"""Scenarios of a second or two, as stages."""

import json
from typing import Any

from bff.catalog.catalog import load_catalog
from scenario.model import Scenario
from scenario.stage import Stage, stage_of

ECHO = {"operation": "echo", "priority": "normal", "share": 1.0}


def a_stage(traffic: dict[str, Any] | None = None, clients: dict[str, Any] | None = None, **changes: Any) -> Stage:
    """Twenty echoes in a second, at even distances, of clients that poll every 50 ms."""
    document = {
        "name": "test",
        "traffic": {
            "arrivals": "even",
            "baseline_per_second": 20,
            "duration_seconds": 1,
            "mix": [ECHO],
            **(traffic or {}),
        },
        "clients": {"timeout_seconds": 5, "poll_seconds": 0.05, "honours_retry_after": False, **(clients or {})},
        "queue": {"ttl_seconds": 0},
        **changes,
    }
    return stage_of(Scenario.model_validate_json(json.dumps(document)), load_catalog())
