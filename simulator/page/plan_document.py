"""The plan of a stage as the engine in the browser reads it: what Python has worked out of scenario and catalog."""

from math import isfinite
from typing import Any

from simulator.engine.plan import CallPlan, OperationPlan, Plan

_OF_SERVICE = {
    "capacity",
    "expected_seconds",
    "inline_concurrency",
    "max_concurrency",
    "name",
    "rate_per_second",
    "timeout_seconds",
    "breaker",
    "retry",
}


def plan_document(plan: Plan) -> dict[str, Any]:
    operations = {operation.name: _operation(operation) for operation, _ in plan.parts}
    return {
        "services": [_service(plan, number) for number in range(len(plan.services))],
        "operations": operations,
        "parts": [{"operation": operation.name, "priority": priority} for operation, priority in plan.parts],
        "bottleneck": plan.bottleneck,
    }


def _service(plan: Plan, number: int) -> dict[str, Any]:
    """No JSON has an infinite wait: null."""
    each = plan.services[number]
    return {
        **each.service.model_dump(mode="json", include=_OF_SERVICE),
        "time": each.time.model_dump(mode="json"),
        "error_rate": each.error_rate,
        "calls_per_second": each.calls_per_second,
        "bounds": plan.bounds(number),
        "longest_waits": [seconds if isfinite(seconds) else None for seconds in plan.longest_waits(number)],
    }


def _operation(operation: OperationPlan) -> dict[str, Any]:
    return {
        "name": operation.name,
        "timeout": operation.timeout,
        "timeout_ms": operation.timeout_ms,
        "is_chain": operation.is_chain,
        "calls": [_call(call) for call in operation.calls],
        "planned": [
            {
                "name": planned.name,
                "service": planned.service,
                "after": list(planned.after),
                "required": planned.required,
                "fallback": planned.fallback,
                "cached": planned.cached,
            }
            for planned in operation.planned
        ],
    }


def _call(call: CallPlan) -> dict[str, Any]:
    return {
        "name": call.name,
        "service": call.service,
        "after": list(call.after),
        "before": list(call.before),
        "required": call.required,
        "fallback": call.fallback,
        "inline": call.inline,
        "repeatable": call.repeatable,
        "rest": call.rest,
    }
