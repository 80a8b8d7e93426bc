"""Scenarios to simulate: one queue by default, with numbers that a test changes."""

import json
from typing import Any

from hypothesis import strategies as st

from bff.catalog.catalog import load_catalog
from scenario.model import Scenario
from scenario.stage import Stage, stage_of
from simulator.engine.plan import Plan, plan_of

CATALOG = load_catalog()
FOREVER = 604_800.0


def a_scenario(
    *,
    operation: str = "echo",
    service: str = "echo",
    servers: int = 10,
    time: dict[str, Any] | None = None,
    mix: list[dict[str, Any]] | None = None,
    traffic: dict[str, Any] | None = None,
    clients: dict[str, Any] | None = None,
    queue: dict[str, Any] | None = None,
    service_more: dict[str, Any] | None = None,
    **more: Any,
) -> Scenario:
    """M/M/10 of mean 1 s at 8/s without a bound or TTL, for 60 s, where nothing else is said."""
    mix = mix or [{}]
    document = {
        "replications": 1,
        "traffic": {
            "baseline_per_second": 8,
            "mix": [{"operation": operation, **part} for part in mix],
            **(traffic or {}),
        },
        "clients": {"timeout_seconds": 86_400, "wait": "sse", **(clients or {})},
        "services": [
            {
                "name": service,
                "max_concurrency": servers,
                "time": {"mean_seconds": 1, **(time or {})},
                **(service_more or {}),
            }
        ],
        "queue": {"ttl_seconds": FOREVER, "admission": "none", **(queue or {})},
        **more,
    }
    return Scenario.model_validate_json(json.dumps(document))


def a_stage(**given: Any) -> Stage:
    return stage_of(a_scenario(**given), CATALOG)


def a_plan(**given: Any) -> Plan:
    return plan_of(a_stage(**given))


BOTTLENECKS = st.sampled_from(
    [
        ("echo", "echo"),
        ("checkout", "payments"),
        ("checkout", "inventory"),
        ("checkout", "orders"),
        ("report", "reports"),
    ]
)
TIMES = st.fixed_dictionaries(
    {
        "distribution": st.sampled_from(["constant", "exponential", "lognormal", "gamma"]),
        "mean_seconds": st.sampled_from([0.02, 0.1, 0.4, 1.3]),
        "cv": st.sampled_from([0.0, 0.5, 2.0]),
    }
)
PRIORITIES = st.sampled_from(
    [
        [{}],
        [{"priority": "high", "share": 0.25}, {"priority": "low", "share": 0.75}],
        [
            {"priority": "high", "share": 0.1},
            {"priority": "normal", "share": 0.3},
            {"priority": "low", "share": 0.6},
        ],
    ]
)
TRAFFIC = st.fixed_dictionaries(
    {
        "arrivals": st.sampled_from(["poisson", "even"]),
        "baseline_per_second": st.sampled_from([2, 10]),
        "duration_seconds": st.sampled_from([8, 15.5]),
        "warmup_seconds": st.sampled_from([0, 2]),
        "spikes": st.sampled_from(
            [
                [],
                [{"at_seconds": 3, "duration_seconds": 4, "rate_per_second": 40}],
                [
                    {
                        "at_seconds": 1,
                        "duration_seconds": 2,
                        "rate_per_second": 30,
                        "every_seconds": 5,
                        "ramp_seconds": 1,
                    }
                ],
            ]
        ),
    }
)
QUEUES = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from([1, 5, 30, 1000]),
        "ttl_seconds": st.sampled_from([0, 0.3, 2, 30]),
        "admission": st.sampled_from(["none", "capacity", "full"]),
        "discipline": st.sampled_from(["weighted", "fifo", "lifo", "priority"]),
        "shares": st.sampled_from([{"high": 1.0, "normal": 1.0, "low": 1.0}, {"high": 1.0, "normal": 0.6, "low": 0.3}]),
    }
)
SIZES = {
    "servers": st.integers(1, 6),
    "time": TIMES,
    "mix": PRIORITIES,
    "traffic": TRAFFIC,
    "seed": st.integers(0, 1000),
}
RATES = st.sampled_from([{}, {"rate_per_second": 7}, {"rate_per_second": 200}])
