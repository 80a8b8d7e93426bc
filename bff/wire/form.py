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
    "mode", "priority", "submitted_at", "deadline", "approximate_position", "estimated_seconds", "poll_after_seconds",
)  # fmt: skip
_BLANK_ID: Final = "00000000-0000-0000-0000-000000000000"


class AcceptedForm:
    """Cut out of what `document_of` makes of one such job: that stays the only place where a job is described.

    `calls`: as they stand in every job that it is the form of.
    """

    def __init__(self, like: Job) -> None:
        self.calls: tuple[CallState, ...] = like.calls
        text = to_json(document_of(replace(like, id=_BLANK_ID))).decode().replace("%", "%%")
        for name in _VALUES:  # each where it first stands: before `calls`, of which one may be called so
            text = re.sub(rf'"{name}":("[^"]*"|[^,"]+)', f'"{name}":%({name})s', text, count=1)
        self._text = text.replace(_BLANK_ID, "%(id)s")

    def filled(self, accepted: Accepted) -> bytes:
        """The same as `to_json(document_of(accepted.job))`."""
        asked, expected_seconds = accepted.submission, accepted.expected_ms / 1000
        values = {
            "id": asked.id,
            "mode": f'"{asked.mode}"',
            "priority": f'"{asked.priority}"',
            "submitted_at": f'"{timestamp(accepted.now_ms)}"',
            "deadline": f'"{timestamp(accepted.deadline_ms)}"',
            "approximate_position": accepted.position if accepted.position >= 0 else "null",
            "estimated_seconds": round(expected_seconds, 1),
            "poll_after_seconds": poll_after_seconds(0, expected_seconds),
        }
        return (self._text % values).encode()


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
