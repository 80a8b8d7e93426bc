"""A plan is an operation as the broker's scripts know it: names, order and times, nothing to run.

It is stored once under its own digest, and every job names the one it was accepted with: a job in flight keeps its plan
when the catalog changes under it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bff.catalog.model import Call, Operation
from bff.catalog.services import Service


@dataclass(frozen=True, slots=True)
class Plan:
    """`id` is the digest of `document`, the JSON that scripts read.

    document: {"operation", "calls": [{"name", "service", "after": [name], "required", "expected_ms", "rest_ms",
    "undo": {"name", "service"}?, "fallback": JSON in a string?, "cached": true?}]}. `rest_ms` is the expected time of
    the longest required path from this call on, itself included: a call that starts later than deadline - rest_ms is
    too late to be of use.
    """

    id: str
    document: str


def plan_of(operation: Operation, services: Mapping[str, Service]) -> Plan:
    """Compile an operation that the catalog has checked."""
    expected = {call.name: _milliseconds(services[call.service].expected_seconds) for call in operation.calls}
    rest = _rest_ms(operation, expected)
    calls = [_entry(call, expected[call.name], rest[call.name]) for call in operation.calls]
    document = json.dumps({"operation": operation.name, "calls": calls}, separators=(",", ":"))
    return Plan(hashlib.sha256(document.encode()).hexdigest()[:12], document)


def _rest_ms(operation: Operation, expected: Mapping[str, int]) -> dict[str, int]:
    rest: dict[str, int] = {}
    for call in reversed(operation.calls):
        next_ms = [rest[later.name] for later in operation.calls if call.name in later.after and later.required]
        rest[call.name] = expected[call.name] + max(next_ms, default=0)
    return rest


def _entry(call: Call, expected_ms: int, rest_ms: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": call.name,
        "service": call.service,
        "after": list(call.after),
        "required": call.required,
        "expected_ms": expected_ms,
        "rest_ms": rest_ms,
    }
    if call.compensation is not None:
        entry["undo"] = {"name": call.compensation.name, "service": call.compensation.service}
    if call.fallback is not None:
        entry["fallback"] = json.dumps(call.fallback, separators=(",", ":"))  # a string: Lua would make [] of {}
    if call.cache_seconds:
        entry["cached"] = True
    return entry


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
