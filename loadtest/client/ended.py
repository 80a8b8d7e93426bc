"""What the document of a job that has ended tells: how it ended, and where its time went."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Any

from bff.catalog.model import Call, Operation
from scenario.result import End
from scenario.stage import Stage

_ENDS = {
    "succeeded": End.SUCCEEDED,
    "failed": End.FAILED,
    "expired": End.EXPIRED,
    "cancelled": End.TIMED_OUT,  # only who has given up cancels
}


@dataclass(frozen=True, slots=True)
class Ended:
    """In seconds by the gateway's clock, `span` from submitted to finished. Of the call to the bottleneck (nan where
    the operation has none): `queued` from submitted to when it could have started (nan where it never could), `booked`
    to when it did, or the job ended, `wait` between the two where it did start, and `busy` its own time.
    """

    end: End
    partial: bool
    span: float
    queued: float = nan
    wait: float = nan
    booked: float = nan
    busy: float = nan


def has_ended(document: Mapping[str, Any]) -> bool:
    return document.get("status") in _ENDS


class Reading:
    """Of documents, for one bottleneck.

    A document says how long each call took, not when it began. What a job spent in no call is taken for the wait at
    the bottleneck: the other services of a stage have room, and the way from one call to the next takes milliseconds.
    """

    def __init__(self, stage: Stage) -> None:
        self._operations = stage.operations
        self._calls = {
            name: next((call for call in operation.calls if call.service == stage.bottleneck.name), None)
            for name, operation in stage.operations.items()
        }

    def ended(self, document: Mapping[str, Any]) -> Ended:
        """Of one that has."""
        end, partial = _ENDS[document["status"]], bool(document["partial"])
        span = _seconds_between(document["submitted_at"], document["finished_at"])
        operation = self._operations[document["operation"]]
        call = self._calls[operation.name]
        if call is None:
            return Ended(end, partial, span)
        seconds = {name: each["seconds"] or 0.0 for name, each in document["calls"].items()}
        busy = document["calls"][call.name]["seconds"]
        queued = _before(operation, call, seconds)
        if busy is None:
            came_so_far = all(document["calls"][name]["seconds"] is not None for name in call.after)
            return Ended(end, partial, span, queued if came_so_far else nan, booked=span)
        started = max(0.0, span - _from(operation, call, seconds))
        if _is_first(operation, call) and document["started_at"] is not None:
            started = _seconds_between(document["submitted_at"], document["started_at"])
        return Ended(end, partial, span, queued, max(0.0, started - queued), started, busy)


def _is_first(operation: Operation, call: Call) -> bool:
    """The job starts when this call does."""
    return not call.after and all(each.after or each is call for each in operation.calls)


def _before(operation: Operation, call: Call, seconds: Mapping[str, float]) -> float:
    """The longest way to the call, by what each took."""
    return max(
        (seconds[name] + _before(operation, operation.by_name[name], seconds) for name in call.after), default=0.0
    )


def _from(operation: Operation, call: Call, seconds: Mapping[str, float]) -> float:
    """The longest way from the call's start to the job's end."""
    later = (_from(operation, each, seconds) for each in operation.calls if call.name in each.after)
    return seconds[call.name] + max(later, default=0.0)


def _seconds_between(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
