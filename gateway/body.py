"""Reading a request's body, bounded, declared as JSON, and as a model has it."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from email.message import Message
from typing import TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request

from gateway import problems
from gateway.problems import Problem

LIMIT_BYTES = 1_048_576
BODY_SECONDS = 30.0
MAX_CONTENT_TYPE = 200
"""Characters. What is longer is none that is known here, and is not taken apart: that takes time squared."""
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 10
"""Of a form of ours. A million of them would keep everybody waiting."""
PASSED_OVER_BYTES = 8 * LIMIT_BYTES
"""Read and forgotten of a body that is too large: who sends all before reading would else see a reset, no answer."""
MAX_ERRORS = 100
"""What a 422 lists: a body of 1 MiB can be wrong in a hundred thousand places."""
MAX_WRITTEN_ANEW = 10_000
"""Places where an integer may stand as 3.0, or something is wrong. To look at so many takes 50 ms."""

WHOLE = "whole"
"""In the scope once all of the body has come in: to read it takes no time."""

Read = TypeVar("Read", bound=BaseModel)


def body_of(request: Request) -> Awaitable[bytes]:
    """The body's bytes, at most LIMIT_BYTES. Raises Problem: `unsupported-media-type`, `body-too-large` …"""
    _check_declared(request)
    return _bounded(request)


def _bounded(request: Request) -> Awaitable[bytes]:
    return _read(request) if request.scope.get(WHOLE) else _read_in_time(request)


async def _read_in_time(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, too_large=_declares_too_much(request))
    except TimeoutError:
        detail = f"The body was not complete within {BODY_SECONDS:g} s."
        raise Problem(problems.REQUEST_TOO_SLOW, detail, headers={"Connection": "close"}) from None


def _declares_too_much(request: Request) -> bool:
    declared = request.headers.get("content-length", "0")
    too_large = declared.isdecimal() and int(declared) > LIMIT_BYTES
    if too_large and "expect" in request.headers:
        raise _too_large()
    return too_large


async def _read(request: Request, too_large: bool = False) -> bytes:
    chunks, size, more = [], 0, True
    while more and size <= PASSED_OVER_BYTES:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(problems.MALFORMED_JSON, "The body ended before it was complete.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        too_large = too_large or size > LIMIT_BYTES
        if not too_large:
            chunks.append(chunk)
    if too_large:
        raise _too_large()
    return b"".join(chunks)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form of ours, the first of each name. Raises Problem like `body_of`."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != FORM:
        detail = f"Content-Type is {declared[:100]!r}; allowed: {FORM}."
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, detail)
    sent = (await _bounded(request)).decode("utf-8", "replace").split("&", MAX_FIELDS)[:MAX_FIELDS]
    return {name: values[0] for name, values in parse_qs("&".join(sent), keep_blank_values=True).items()}


def read_as(model: type[Read], body: bytes) -> Read:
    """Raises Problem `malformed-json` or `invalid-parameters`."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error
    if rewritten := _with_whole_numbers(body, found):
        try:
            return model.model_validate_json(rewritten)
        except ValidationError as error:
            found = error
    raise _refused(body, found)


def _with_whole_numbers(body: bytes, found: ValidationError) -> bytes | None:
    """The body with 3 for each 3.0 that stands where an integer is asked for; None where there is none.

    They are one number in JSON, of which pydantic's integers know one form. "3" is not.
    """
    if found.error_count() > MAX_WRITTEN_ANEW:
        return None
    whole = [item["loc"] for item in found.errors() if item["type"] == "int_type" and _is_whole(item["input"])]
    if not whole:
        return None
    document = from_json(body)
    for *way, last in whole:
        place = document
        with suppress(LookupError, TypeError):  # of several types that are allowed, the place names one
            for step in way:
                place = place[step]
            place[last] = int(place[last])
    return to_json(document, inf_nan_mode="constants")


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _refused(body: bytes, found: ValidationError) -> Problem:
    errors = found.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return Problem(problems.MALFORMED_JSON, f"{errors[0]['msg']}.")
    _refuse_what_is_no_number(body)
    listed = [{"pointer": _pointer(item["loc"]), "detail": item["msg"]} for item in errors[:MAX_ERRORS]]
    places = "place" if len(errors) == 1 else "places"
    where = listed[0]["pointer"] or "the whole body"
    detail = f"The parameters are wrong in {len(errors)} {places}: {where}: {listed[0]['detail']}."
    return Problem(problems.INVALID_PARAMETERS, detail, members={"errors": listed})


def _refuse_what_is_no_number(body: bytes) -> None:
    """NaN and Infinity, which pydantic reads and JSON does not know. No model here takes them for a float."""
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(problems.MALFORMED_JSON, f"Invalid JSON: {error}.") from None


def _pointer(location: tuple[str | int, ...]) -> str:
    """A JSON Pointer, RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _check_declared(request: Request) -> None:
    content_type = request.headers.get("content-type", "application/json")
    if content_type != "application/json" and not _is_json(content_type):  # nearly always the first
        detail = f"Content-Type is {content_type[:100]!r}; allowed: application/json."
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Post": "application/json"})
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        detail = f"Content-Encoding is {encoding[:100]!r}; send the body as it is."
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})


def _is_json(content_type: str) -> bool:
    if len(content_type) > MAX_CONTENT_TYPE:
        return False
    message = Message()
    message["content-type"] = content_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    return message.get_content_type() == "application/json" and charset in ("utf-8", "utf8")


def _too_large() -> Problem:
    detail = f"The body is longer than {LIMIT_BYTES} bytes."
    return Problem(
        problems.BODY_TOO_LARGE, detail, members={"limit_bytes": LIMIT_BYTES}, headers={"Connection": "close"}
    )
