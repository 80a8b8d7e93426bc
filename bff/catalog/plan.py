"""A plan is an operation as the broker's scripts know it: names, order and times, nothing to run.

It is stored once under its own digest, and every job names the one it was accepted with: a job in flight keeps its plan
when the catalog changes under it.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from bff.catalog.model import Call, Operation


@dataclass(frozen=True, slots=True)
class Plan:
    """`id` is the digest of `document`, the JSON that scripts read.

    document: {"operation", "calls": [{"name", "service", "after": [name], "required", "undo": {"name", "service"}?,
    "fallback": JSON in a string?, "cached": true?}]}.
    """

    id: str
    document: str


def plan_of(operation: Operation) -> Plan:
    """Compile an operation that the catalog has checked."""
    calls = [_entry(call) for call in operation.calls]
    document = json.dumps({"operation": operation.name, "calls": calls}, separators=(",", ":"))
    return Plan(hashlib.sha256(document.encode()).hexdigest()[:12], document)


def _entry(call: Call) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": call.name,
        "service": call.service,
        "after": list(call.after),
        "required": call.required,
    }
    if call.compensation is not None:
        entry["undo"] = {"name": call.compensation.name, "service": call.compensation.service}
    if call.fallback is not None:
        entry["fallback"] = json.dumps(call.fallback, separators=(",", ":"))  # a string: Lua would make {} of []
    if call.cache_seconds:
        entry["cached"] = True
    return entry
