"""Dead letters: looking at them, replaying them, one or all of a service, discarding them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from bff.broker.dead_letters import LETTER_ID, DeadLetter, DeadLetters, NotReplayed
from bff.wire.dead_letter import LetterDocument, letter_document
from gateway import problems
from gateway.admin.answer import REFUSED, answer, for_operator
from gateway.problems import Problem
from gateway.schemas.openapi import described

LISTED = 100


class LetterConvertor(Convertor[str]):
    """Any text but that of the route beside it, whose methods are its own."""

    regex = "(?!replay$)[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("letter", LetterConvertor())

router = APIRouter(prefix="/admin/v1", tags=["Operators"])

LetterId = Annotated[str, Path(description="Of a dead letter: <Unix ms>-<number>.")]


# Described by hand: FastAPI would refuse a request without it with an answer of its own.
_WHOSE = {
    "name": "service",
    "in": "query",
    "required": True,
    "description": "Of this service; also `webhook`, `mail`.",
    "schema": {"type": "string", "minLength": 1},
}


class Letters(TypedDict):
    dead_letters: list[LetterDocument]


class Replay(TypedDict):
    job: str


class Replayed(TypedDict):
    id: str
    job: str


class NotReplayedLetter(TypedDict):
    id: str
    detail: str


class Replays(TypedDict):
    """`next` is the last letter that was looked at, where more of them are left: `?after=` goes on behind it."""

    replayed: list[Replayed]
    refused: list[NotReplayedLetter]
    next: str | None


@router.get(
    "/dead-letters",
    operation_id="list_dead_letters",
    summary=f"What was given up, oldest first, {LISTED} at a time",
    responses=described(Letters, {}, *REFUSED),
)
async def list_dead_letters(
    request: Request,
    service: Annotated[str | None, Query(description="Only those of this service; also `webhook`, `mail`.")] = None,
    after: Annotated[str | None, Query(description="Only those after the letter of this id.")] = None,
) -> Response:
    letters = await (await letters_for(request)).first(LISTED, service, _behind(after))
    return answer({"dead_letters": [letter_document(letter) for letter in letters]})


@router.post(
    "/dead-letters/{letter_id:letter}/replay",
    operation_id="replay_dead_letter",
    summary="Put it back to work",
    responses=described(Replay, {}, *REFUSED, problems.UNKNOWN_DEAD_LETTER, problems.NOT_REPLAYED),
)
async def replay_dead_letter(request: Request, letter_id: LetterId) -> Response:
    letters = await letters_for(request)
    letter = await found(letters, letter_id)
    try:
        job_id = await letters.replay(letter)
    except NotReplayed as error:
        raise Problem(problems.NOT_REPLAYED, f"Not replayed: {error}.") from None
    return answer({"job": job_id})


@router.post(
    "/dead-letters/replay",
    operation_id="replay_dead_letters",
    summary=f"Put all of a service back to work, oldest first, {LISTED} at a time",
    responses=described(Replays, {}, *REFUSED, problems.INVALID_QUERY),
    openapi_extra={"parameters": [_WHOSE]},
)
async def replay_dead_letters(
    request: Request,
    after: Annotated[str | None, Query(description="Only those after the letter of this id.")] = None,
) -> Response:
    letters, service = await letters_for(request), request.query_params.get("service", "")
    if not service:
        raise Problem(problems.INVALID_QUERY, "Say whose: ?service=NAME.", members={"parameter": "service"})
    return answer(await replay_all(letters, service, after))


@router.delete(
    "/dead-letters/{letter_id:letter}",
    operation_id="discard_dead_letter",
    summary="Forget it; what it stands for stays as it is",
    status_code=204,
    responses=described(None, {}, *REFUSED, problems.UNKNOWN_DEAD_LETTER, good=204),
)
async def discard_dead_letter(request: Request, letter_id: LetterId) -> Response:
    letters = await letters_for(request)
    if not await letters.discard(await found(letters, letter_id)):
        raise _unknown()
    return Response(status_code=204)


async def letters_for(request: Request) -> DeadLetters:
    return DeadLetters((await for_operator(request)).broker.cell)


async def replay_all(letters: DeadLetters, service: str, after: str | None = None) -> Replays:
    """Up to LISTED of those that are there now: what is buried again meanwhile is not tried for ever."""
    came: Replays = {"replayed": [], "refused": [], "next": None}
    began_ms = await letters.now_ms()
    looked_at = ""
    async for letter in letters.all(service, _behind(after)):
        if letter.buried_ms > began_ms:
            break
        if len(came["replayed"]) + len(came["refused"]) == LISTED:
            came["next"] = looked_at
            break
        looked_at = letter.id
        try:
            came["replayed"].append({"id": letter.id, "job": await letters.replay(letter)})
        except NotReplayed as error:
            came["refused"].append({"id": letter.id, "detail": f"Not replayed: {error}."})
    return came


def _behind(after: str | None) -> str | None:
    """What is no id stands before them all."""
    return after if after is not None and LETTER_ID.fullmatch(after) else None


async def found(letters: DeadLetters, letter_id: str) -> DeadLetter:
    letter = await letters.named(letter_id)
    if letter is None:
        raise _unknown()
    return letter


def _unknown() -> Problem:
    return Problem(problems.UNKNOWN_DEAD_LETTER, "No dead letter has this id; it may have been replayed or discarded.")
