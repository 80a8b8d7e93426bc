"""The JSON of a job that was just accepted: like that of every such job but for a few values, so it is filled in."""

import re
from dataclasses import replace
from typing import Final

from pydantic_core import to_json

from bff.broker.job import CallState, Job
from bff.broker.jobs import Accepted
from bff.policies.polling import poll_after_seconds
from bff.wire.document import document_of, timestamp

_VALUES: Final = (
    "id", "mode", "priority", "submitted_at", "deadline", "approximate_position", "estimated_seconds",
    "poll_after_seconds",
)  # fmt: skip
"""As they stand in the document. What comes behind them differs by the id alone."""
_BEHIND: Final = '"partial":'
_BLANK_ID: Final = "00000000-0000-0000-0000-000000000000"


class AcceptedForm:
    """Cut out of what `document_of` makes of one such job: that stays the only place where a job is described.

    `calls`: as they stand in every job that it is the form of.
    """

    def __init__(self, like: Job) -> None:
        self.calls: tuple[CallState, ...] = like.calls
        text = to_json(document_of(replace(like, id=_BLANK_ID))).decode()
        head, behind, rest = text.partition(_BEHIND)
        head = head.replace("%", "%%")
        for name in _VALUES:
            head = re.sub(rf'"{name}":("?)[^",]+\1', rf'"{name}":\1%s\1', head, count=1)
        self._head, self._rest = head, behind + rest

    def filled(self, accepted: Accepted) -> bytes:
        """The same as `to_json(document_of(accepted.job))`."""
        asked, expected_seconds = accepted.submission, accepted.expected_ms / 1000
        head = self._head % (
            asked.id,
            asked.mode,
            asked.priority,
            timestamp(accepted.now_ms),
            timestamp(accepted.deadline_ms),
            accepted.position if accepted.position >= 0 else "null",
            round(expected_seconds, 1),
            poll_after_seconds(0, expected_seconds),
        )
        return (head + self._rest.replace(_BLANK_ID, asked.id)).encode()


class Forms:
    """One for each operation, made with the first job of its kind."""

    def __init__(self) -> None:
        self._forms: dict[str, AcceptedForm] = {}

    def written(self, accepted: Accepted) -> bytes:
        """The JSON of a job of which nothing was read back."""
        operation = accepted.submission.operation
        form = self._forms.get(operation)
        if form is not None and form.calls == accepted.calls:
            return form.filled(accepted)
        job = accepted.job
        if not job.outcomes:
            self._forms[operation] = AcceptedForm(job)
        return to_json(document_of(job))
