"""Scenarios by chance: small, and of every kind that the engines know."""

from random import Random
from typing import Any

OPERATIONS = {
    "echo": ["echo"],
    "checkout": ["payments", "inventory", "orders"],
    "home-screen": ["recommendations", "history", "accounts"],
    "report": ["reports"],
}


def some_scenario(number: int) -> dict[str, Any]:
    """The same for the same number; every fourth is synchronous."""
    chance = Random(number)
    operations = chance.sample(list(OPERATIONS), chance.choice([1, 1, 2, 3]))
    rate = chance.choice([4.0, 8.0, 20.0])
    return {
        "name": f"some-{number}",
        "seed": chance.randrange(2**31),
        "pattern": "sync" if number % 4 == 3 else "async",
        "gateway_concurrency": chance.choice([5, 20, 200]),
        "traffic": {
            "arrivals": chance.choice(["poisson", "poisson", "even"]),
            "baseline_per_second": rate,
            "duration_seconds": 24,
            "warmup_seconds": chance.choice([0, 5]),
            "mix": _mix(chance, operations),
            "spikes": [
                {
                    "at_seconds": 8,
                    "duration_seconds": 10,
                    "rate_per_second": rate * chance.choice([2, 4, 8]),
                    "ramp_seconds": chance.choice([0, 0, 3]),
                    "every_seconds": chance.choice([0, 15]),
                }
            ],
        },
        "clients": {
            "timeout_seconds": chance.choice([3, 8, 30]),
            "wait": chance.choice(["poll", "backoff", "long_poll", "sse", "websocket"]),
            "poll_seconds": chance.choice([0.5, 2]),
            "retries": chance.choice([0, 0, 1, 3]),
            "retry_backoff_seconds": chance.choice([0, 1]),
            "honours_retry_after": chance.random() < 0.5,
            "cancels": chance.random() < 0.3,
        },
        "services": [_service(chance, name, rate) for name in _some_services(chance, operations)],
        "queue": {
            "capacity": chance.choice([5, 40, 1000]),
            "shares": {"high": 1.0, "normal": chance.choice([1.0, 0.8]), "low": chance.choice([1.0, 0.4])},
            "ttl_seconds": chance.choice([0, 2, 6]),
            "admission": chance.choice(["none", "capacity", "full"]),
            "discipline": chance.choice(["weighted", "weighted", "fifo", "lifo", "priority"]),
        },
    }


def _mix(chance: Random, operations: list[str]) -> list[dict[str, Any]]:
    kinds = [(operation, priority) for operation in operations for priority in ("high", "normal", "low")]
    kinds = chance.sample(kinds, chance.randint(1, min(3, len(kinds))))
    kinds += [(name, "normal") for name in operations if name not in {operation for operation, _ in kinds}]
    return [{"operation": operation, "priority": priority, "share": 1 / len(kinds)} for operation, priority in kinds]


def _some_services(chance: Random, operations: list[str]) -> list[str]:
    called = [service for operation in operations for service in OPERATIONS[operation]]
    return chance.sample(called, min(len(called), chance.choice([1, 1, 2])))


def _service(chance: Random, name: str, rate: float) -> dict[str, Any]:
    mean = chance.choice([0.05, 0.3, 0.8])
    return {
        "name": name,
        "max_concurrency": max(1, round(rate * mean * chance.choice([0.8, 1.5, 3]))),
        "rate_per_second": chance.choice([0, 0, rate * 1.2]),
        "time": {
            "distribution": chance.choice(["constant", "exponential", "lognormal", "gamma"]),
            "mean_seconds": mean,
            "cv": chance.choice([0.5, 1.0, 2.0]),
        },
        "error_rate": chance.choice([0.0, 0.0, 0.1, 0.7]),
    }
