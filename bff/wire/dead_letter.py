"""A dead letter as operators read it, from the API and from the command."""

import json
from typing import Annotated, Any

from typing_extensions import TypedDict

from bff.broker.dead_letters import DeadLetter, Kind
from bff.wire.document import Instant, one_of, timestamp


class LetterDocument(TypedDict):
    """What a kind of letter does not have is null."""

    id: str
    buried_at: Instant
    kind: Annotated[str, one_of(Kind)]
    service: str | None
    operation: str | None
    call: str | None
    job: str | None
    client: str | None
    priority: str | None
    timeout_seconds: float | None
    error: str | None
    attempts: int
    parameters: Any
    receiver: str | None
    lane: str | None
    fields: Any


def letter_document(letter: DeadLetter) -> LetterDocument:
    """The whole letter."""
    return {
        "id": letter.id,
        "buried_at": timestamp(letter.buried_ms),
        "kind": letter.kind,
        "service": letter.service or None,
        "operation": letter.operation or None,
        "call": letter.call or None,
        "job": letter.job_id or None,
        "client": letter.client or None,
        "priority": letter.priority or None,
        "timeout_seconds": letter.timeout_ms / 1000 or None,
        "error": letter.error or None,
        "attempts": letter.attempts,
        "parameters": json.loads(letter.parameters or b"null"),
        "receiver": letter.receiver or None,
        "lane": letter.lane or None,
        "fields": json.loads(letter.fields or "null"),
    }
