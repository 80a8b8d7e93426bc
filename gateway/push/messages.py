"""What goes over a WebSocket: the messages of clients, read; those of the gateway, written; and the close codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pydantic_core import from_json, to_json

WEBSOCKET_PATH = "/v1/ws"
SUBPROTOCOL = "bff.v1+json"
MAX_TEXT = 200
"""Characters of an id or ticket; all that are good are shorter. What is sent back waits for who does not read."""
HEARTBEAT_SECONDS = 20
"""At least so often a socket hears from the gateway."""


class Close(IntEnum):
    """Why the gateway closes a socket."""

    RESTART = 1012
    OVERLOAD = 1013
    MALFORMED = 4400
    UNAUTHORIZED = 4401
    ORIGIN = 4403
    SUBPROTOCOL = 4406
    NO_HELLO = 4408
    TOO_MANY = 4429


class Malformed(Exception):
    """What a client sent is none of the messages below; the text says why."""


@dataclass(frozen=True, slots=True)
class Hello:
    ticket: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`after` is the version that the client has seen, -1 for none."""

    id: str
    after: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class Watch:
    """`ticket` is an operator's; None where the key came in the header."""

    ticket: str | None


@dataclass(frozen=True, slots=True)
class Unwatch:
    pass


Said = Hello | Subscribe | Unsubscribe | Ping | Watch | Unwatch


def said_in(text: str | None) -> Said:
    """The message in a frame's text, None of a binary frame. Raises Malformed."""
    if text is None:
        raise Malformed("Messages are text frames.")
    try:
        message = from_json(text)
    except ValueError as error:
        raise Malformed(f"This is not JSON: {error}.") from None
    if not isinstance(message, dict):
        raise Malformed("A message is a JSON object.")
    match message.get("type"):
        case "hello":
            return Hello(_ticket(message))
        case "subscribe":
            return Subscribe(_text(message, "id"), _version(message))
        case "unsubscribe":
            return Unsubscribe(_text(message, "id"))
        case "ping":
            return Ping()
        case "watch":
            return Watch(_ticket(message))
        case "unwatch":
            return Unwatch()
    raise Malformed("The member `type` must be hello, subscribe, unsubscribe, ping, watch or unwatch.")


def _ticket(message: dict[str, Any]) -> str | None:
    return None if message.get("ticket") is None else _text(message, "ticket")


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise Malformed(f"The member `{name}` must be a string.")
    if len(value) > MAX_TEXT:
        raise Malformed(f"The member `{name}` is longer than {MAX_TEXT} characters.")
    return value


def _version(message: dict[str, Any]) -> int:
    value = message.get("after")
    if value is None:
        return -1
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed("The member `after` must be a version: a whole number, not negative.")
    return value


PONG = '{"type":"pong"}'
UNWATCHED = '{"type":"unwatched"}'


def welcome(client: str) -> str:
    return _written(type="welcome", client=client, heartbeat_seconds=HEARTBEAT_SECONDS)


def done(job_id: str) -> str:
    return _written(type="done", id=job_id)


def unsubscribed(job_id: str) -> str:
    return _written(type="unsubscribed", id=job_id)


def overview(document: Mapping[str, Any]) -> str:
    return _written(type="overview", **document)


def error(job_id: str | None, problem: dict[str, Any]) -> str:
    """`job_id` is None where it is about no job."""
    return _written(type="error", id=job_id, problem=problem)


def _written(**message: Any) -> str:
    return to_json(message).decode()
