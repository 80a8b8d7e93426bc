"""Dead letters: what was given up and an operator has to look at. Kept until replayed or discarded."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic_core import from_json

from bff.broker.cell import Cell
from bff.broker.job import pairs
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Jobs, Refused, Replayed, Submission
from bff.broker.survey import now_ms
from bff.catalog.model import Priority

PAGE = 100
LETTER_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")


class Kind(StrEnum):
    CALL = "call"
    """It was lost with its worker three times: perhaps it is what ends them. Its job has failed."""
    COMPENSATION = "compensation"
    """What was done downstream could not be undone, and still is done."""
    NOTIFICATION = "notification"
    """The job's end could not be told to who was to be told of it."""
    ENTRY = "entry"
    """Something that is no entry of ours lay in a lane, or among the letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """`id` is "<Unix ms>-<number>". The service of a notification is `webhook` or `mail`.

    Of an entry that is none of ours there are only `lane` and its raw `fields`.
    """

    id: str
    kind: Kind
    job_id: str = ""
    operation: str = ""
    client: str = ""
    priority: str = ""
    timeout_ms: int = 0
    call: str = ""
    service: str = ""
    error: str = ""
    attempts: int = 0
    parameters: bytes = b""
    receiver: str = ""
    lane: str = ""
    fields: str = ""

    @property
    def buried_ms(self) -> int:
        """When: Unix ms by the broker's clock."""
        return int(self.id.partition("-")[0])


class NotReplayed(Exception):
    """Nothing was changed; says why, and what can be done."""


class DeadLetters:
    """All raise BrokerUnavailable."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._jobs = Jobs(cell)

    async def all(
        self, service: str | None = None, after: str | None = None, at_once: int = PAGE
    ) -> AsyncIterator[DeadLetter]:
        """Oldest first; of one service, or of all; from behind the letter of id `after` on, read so many at once."""
        start = "-" if after is None else f"({after}"
        while rows := await self._cell.redis.execute("XRANGE", self._cell.keys.dead(), start, "+", "COUNT", at_once):
            for row in rows:
                letter = _letter(row)
                if service in (None, letter.service):
                    yield letter
            start = f"({rows[-1][0].decode()}"

    async def first(self, count: int, service: str | None = None, after: str | None = None) -> list[DeadLetter]:
        """So many of them at most, likewise."""
        letters: list[DeadLetter] = []
        async for letter in self.all(service, after, at_once=min(count, PAGE)):
            letters.append(letter)
            if len(letters) == count:
                break
        return letters

    async def now_ms(self) -> int:
        """By the clock that letters are dated by."""
        return await now_ms(self._cell)

    async def named(self, letter_id: str) -> DeadLetter | None:
        """By an id that came from a stranger; None for what is none, too."""
        return await self.find(letter_id) if LETTER_ID.fullmatch(letter_id) else None

    async def find(self, letter_id: str) -> DeadLetter | None:
        rows = await self._cell.redis.execute("XRANGE", self._cell.keys.dead(), letter_id, letter_id)
        return _letter(rows[0]) if rows else None

    async def replay(self, letter: DeadLetter) -> str:
        """The id of the job that is at work again. Raises NotReplayed. Twice within a day is no more than once.

        A compensation is tried again under its own job, and so is a notification, as long as that is kept. The job of
        a call has failed, and stays so: a new one is submitted for the same client, with the same parameters; what the
        lost attempts did, if anything, the failed job has undone where it can be.
        """
        if letter.kind is Kind.ENTRY:
            raise NotReplayed("it is no entry of this gateway; discard it")
        if letter.kind is Kind.CALL:
            return await self._submit_again(letter)
        word = await self._cell.run("replay", [self._cell.keys.dead()], [letter.id])
        if word != b"replayed":
            raise NotReplayed("it, or its job, is not there any more")
        return letter.job_id

    async def discard(self, letter: DeadLetter) -> bool:
        """Forget it; what it stands for stays as it is. False where it was gone already."""
        return bool(await self._cell.run("discard", [self._cell.keys.dead()], [letter.id]) == b"discarded")

    async def _submit_again(self, letter: DeadLetter) -> str:
        if letter.operation not in self._cell.catalog.operations:
            raise NotReplayed(f"operation {letter.operation!r} is not offered any more; discard it")
        submission = Submission(
            id=new_job_id(),
            operation=letter.operation,
            client=letter.client,
            priority=Priority(letter.priority),
            timeout_ms=letter.timeout_ms,
            parameters=letter.parameters,
            idempotency_key=f"\0dead-letter:{letter.id}",  # as no header can have it
        )
        match await self._jobs.submit(submission):
            case Accepted(job=job):
                job_id = job.id
            case Replayed(job_id):
                pass
            case Refused() as refused:
                detail = f"its job was not admitted ({refused.reason}, service {refused.service!r})"
                raise NotReplayed(f"{detail}; try again in {refused.retry_ms / 1000:.0f} s")
            case other:
                raise NotReplayed(f"its job was not accepted: {type(other).__name__}")
        await self.discard(letter)
        return job_id


def _letter(row: list[Any]) -> DeadLetter:
    """What somebody else wrote among the letters is shown as it is: one must not hide the others."""
    try:
        return _known(row)
    except (KeyError, ValueError):
        raw = [part.decode(errors="replace") for part in row[1]]
        return DeadLetter(id=row[0].decode(), kind=Kind.ENTRY, fields=json.dumps(raw))


def _known(row: list[Any]) -> DeadLetter:
    """Raises KeyError, ValueError."""
    fields = pairs(row[1])
    from_json(fields.get("parameters") or b"null")
    text = {name: value.decode(errors="replace") for name, value in fields.items()}
    return DeadLetter(
        id=row[0].decode(),
        kind=Kind(text["kind"]),
        job_id=text.get("job", ""),
        operation=text.get("operation", ""),
        client=text.get("client", ""),
        priority=text.get("priority", ""),
        timeout_ms=int(text.get("timeout_ms", 0)),
        call=text.get("call", ""),
        service=text.get("service", ""),
        error=text.get("error", ""),
        attempts=int(text.get("attempts", 0)),
        parameters=fields.get("parameters", b""),
        receiver=text.get("receiver", ""),
        lane=text.get("lane", ""),
        fields=text.get("fields", ""),
    )
