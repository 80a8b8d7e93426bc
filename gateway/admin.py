"""What operators do, each with the key of [admin]: look at dead letters, replay them, discard them."""

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.dead_letters import DeadLetter, DeadLetters, NotReplayed
from bff.wire.dead_letter import LetterDocument, letter_document
from gateway import problems
from gateway.gateway import gateway_of
from gateway.identity import require_admin
from gateway.problems import Problem
from gateway.schemas.openapi import described

LISTED = 100

router = APIRouter(prefix="/admin/v1", tags=["Operators"])

LetterId = Annotated[str, Path(description="Of a dead letter: <Unix ms>-<number>.")]
_LETTER_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
_REFUSED = (problems.UNAUTHORIZED, problems.FORBIDDEN, problems.BROKER_UNAVAILABLE)


class Letters(TypedDict):
    dead_letters: list[LetterDocument]


class Replay(TypedDict):
    job: str


@router.get(
    "/dead-letters",
    operation_id="list_dead_letters",
    summary=f"What was given up, oldest first, {LISTED} at a time",
    responses=described(Letters, {}, *_REFUSED),
)
async def list_dead_letters(
    request: Request,
    service: Annotated[str | None, Query(description="Only those of this service; also `webhook`, `mail`.")] = None,
    after: Annotated[str | None, Query(description="Only those after the letter of this id.")] = None,
) -> Response:
    letters = []
    behind = after if after is not None and _LETTER_ID.fullmatch(after) else None  # what is no id stands before them
    async for letter in _letters(request).all(service, behind):
        letters.append(letter_document(letter))
        if len(letters) == LISTED:
            break
    return Response(to_json({"dead_letters": letters}), 200, {"Cache-Control": "no-store"}, "application/json")


@router.post(
    "/dead-letters/{letter_id}/replay",
    operation_id="replay_dead_letter",
    summary="Put it back to work",
    responses=described(Replay, {}, *_REFUSED, problems.UNKNOWN_DEAD_LETTER, problems.NOT_REPLAYED),
)
async def replay_dead_letter(request: Request, letter_id: LetterId) -> Response:
    letters = _letters(request)
    letter = await _found(letters, letter_id)
    try:
        job_id = await letters.replay(letter)
    except NotReplayed as error:
        raise Problem(problems.NOT_REPLAYED, f"Not replayed: {error}.") from None
    return Response(to_json({"job": job_id}), 200, {"Cache-Control": "no-store"}, "application/json")


@router.delete(
    "/dead-letters/{letter_id}",
    operation_id="discard_dead_letter",
    summary="Forget it; what it stands for stays as it is",
    status_code=204,
    responses=described(None, {}, *_REFUSED, problems.UNKNOWN_DEAD_LETTER, good=204),
)
async def discard_dead_letter(request: Request, letter_id: LetterId) -> Response:
    letters = _letters(request)
    if not await letters.discard(await _found(letters, letter_id)):
        raise _unknown()
    return Response(status_code=204)


def _letters(request: Request) -> DeadLetters:
    require_admin(request)
    return DeadLetters(gateway_of(request).broker.cell)


async def _found(letters: DeadLetters, letter_id: str) -> DeadLetter:
    letter = await letters.find(letter_id) if _LETTER_ID.fullmatch(letter_id) else None
    if letter is None:
        raise _unknown()
    return letter


def _unknown() -> Problem:
    return Problem(problems.UNKNOWN_DEAD_LETTER, "No dead letter has this id; it may have been replayed or discarded.")
