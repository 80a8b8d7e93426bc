"""For schemathesis: what the document alone cannot judge, since it depends on what was sent before, or on who asks."""

import re
import uuid
from typing import Any

import schemathesis

from gateway.schemas.openapi import KEY_PATTERN


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        headers["Idempotency-Key"] = uuid.uuid4().hex  # that another body under it is refused is no finding
    headers.pop("Request-Notify", None)  # allowed are the client's own addresses, and public ones
