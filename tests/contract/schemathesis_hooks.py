"""For schemathesis: a key is used once. That another body under it is refused is no finding."""

import re
import uuid
from typing import Any

import schemathesis

from gateway.openapi import KEY_PATTERN


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
