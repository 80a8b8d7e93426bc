"""JSON that every reader reads the same way."""

from math import isfinite
from typing import Any

from pydantic_core import from_json, to_json

MAX_DEPTH = 100


def is_strict_json(body: bytes) -> bool:
    """Whether `body` is one JSON text (RFC 8259) in UTF-8, with no NaN, Infinity, lone surrogate, number too large
    for a double, or nesting deeper than MAX_DEPTH. Of a repeated member the last one counts, as it does everywhere.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return False
    # 1e999 is read as infinity: written again, it shows. Both are quick ways to need the walk hardly ever.
    if b"Infinity" in to_json(value, inf_nan_mode="constants") or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        return _is_finite_and_shallow(value)
    return True


def _is_finite_and_shallow(value: Any, depth: int = 0) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return depth < MAX_DEPTH and all(_is_finite_and_shallow(each, depth + 1) for each in value)
