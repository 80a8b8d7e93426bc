"""What clients asked for and what they were told, one line of JSON each, in the words of Jepsen's histories."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class F(StrEnum):
    """What an event is about."""

    SUBMIT = "submit"
    """A POST under `key`; with an `id` where it was accepted."""
    END = "end"
    """A read of the accepted job `id`; ok: it is terminal, with `status`, `result` and how late it was."""
    FOUND = "found"
    """The job `id` is in the broker when all is over."""
    EFFECT = "effect"
    """The service `key` counted `count` effects for one Idempotency-Key at the most."""


class Type(StrEnum):
    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    """It did not happen, for certain; of an end: the gateway does not know the job."""
    INFO = "info"
    """Nobody can say whether it happened; of an end: it did not come in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`t` is Unix seconds; `late_ms` from the job's deadline to its end, by the broker's clock; below 0 in time."""

    f: F
    type: Type
    t: float = 0
    process: str = ""
    key: str = ""
    id: str = ""
    status: str = ""
    result: str = ""
    """sha256 of what the client got."""
    late_ms: int = 0
    count: int = 0
    detail: str = ""

    def line(self) -> str:
        """JSON; what is empty is left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value or name == "t"})


class History:
    """Written line by line, so that a test that is killed leaves it behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []

    def __enter__(self) -> Self:
        self._file = self.path.open("a")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, f: F, type_: Type, **facts: Any) -> None:
        event = Event(f=f, type=type_, t=round(time.time(), 4), **facts)
        self.events.append(event)
        self._file.write(event.line() + "\n")
        self._file.flush()


def read_history(path: Path) -> list[Event]:
    return [_event(json.loads(line)) for line in path.read_text().splitlines()]


def _event(fields: dict[str, Any]) -> Event:
    return Event(**{**fields, "f": F(fields["f"]), "type": Type(fields["type"])})


def acknowledged(events: Iterable[Event]) -> dict[str, str]:
    """The id of every accepted job, with its key."""
    return {event.id: event.key for event in events if event.f is F.SUBMIT and event.type is Type.OK}
