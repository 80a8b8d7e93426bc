"""What each arrival asks for: the catalog's example, varied."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from bff.catalog.model import Operation
from loadtest.client.attempt import Request
from loadtest.client.target import Target
from scenario.arrivals import Arrival
from scenario.model import Pattern
from scenario.stage import Stage

USERS = 10_000
"""For whom requests are made."""

Vary = Callable[[int, Random], Any]

_VARIED: Mapping[str, Vary] = {
    "cart_id": lambda number, rng: f"c{number}",
    "user_id": lambda number, rng: f"u{int(rng.random() * USERS)}",
    "month": lambda number, rng: f"20{10 + int(rng.random() * 16)}-{1 + int(rng.random() * 12):02d}",
}
"""By name of a parameter: one cart is paid for once, and what is cached is cached by user."""


class Parameters:
    """Of one operation. What its model does not take stays as it is in the example."""

    def __init__(self, operation: Operation) -> None:
        self._example = dict(operation.example)
        self._varied = {
            name: vary for name, vary in _VARIED.items() if name in self._example and _takes(operation, name)
        }

    def body(self, number: int, rng: Random) -> bytes:
        changed = {name: vary(number, rng) for name, vary in self._varied.items()}
        return json.dumps({**self._example, **changed}).encode()


def _takes(operation: Operation, name: str) -> bool:
    example = {**operation.example, name: _VARIED[name](USERS, Random(1))}
    try:
        operation.parameters.model_validate_json(json.dumps(example))
    except ValidationError:
        return False
    return True


class Requests:
    """In the order of the arrivals. Idempotency-Keys are new with every run: a repeated run is no repeated request."""

    def __init__(self, stage: Stage, target: Target, rng: Random) -> None:
        scenario = stage.scenario
        self._mix = scenario.traffic.mix
        self._parameters = {name: Parameters(operation) for name, operation in stage.operations.items()}
        prefer = {"Prefer": "respond-async"} if scenario.pattern is Pattern.ASYNC else {}
        self._fixed = [
            {
                "Content-Type": "application/json",
                "Request-Priority": part.priority.value,
                "Request-Timeout": f"{stage.request_timeout_seconds(part.operation):.3f}",
                **prefer,
            }
            for part in self._mix
        ]
        self._target = target
        self._rng = rng
        self._run = uuid4().hex[:12]
        self._numbers = count()

    def next(self, arrival: Arrival) -> "Asked":
        number = next(self._numbers)
        operation = self._mix[arrival.part].operation
        credentials = self._target.headers(number)
        subject = f"u{int(self._rng.random() * USERS)}"
        headers = {**self._fixed[arrival.part], **credentials, "Request-Subject": subject}
        body = self._parameters[operation].body(number, self._rng)
        return Asked(operation, body, headers, credentials, f"load-{self._run}-{number}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One arrival's wish; `request` is an attempt at it."""

    operation: str
    body: bytes
    headers: Mapping[str, str]
    credentials: Mapping[str, str]
    key: str

    def request(self, job: int) -> Request:
        """For its first job, its second … A request whose answer was lost is repeated for the same."""
        headers = {**self.headers, "Idempotency-Key": f"{self.key}-{job}"}
        return Request(self.operation, self.body, headers, self.credentials)
