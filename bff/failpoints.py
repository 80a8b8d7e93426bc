"""Places at which a fault test can have a process die, freeze, fail or block, by BFF_FAILPOINT=after_call:kill@5."""

import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from enum import StrEnum

_SHOT = re.compile(r"(?P<point>\w+):(?P<action>\w+)(=(?P<seconds>\d+(\.\d+)?))?(@(?P<hit>[1-9]\d*))?", re.ASCII)


class Point(StrEnum):
    """Where. Each is hit once per entry, call, request or notification."""

    BEFORE_SUBMIT = "before_submit"
    """The gateway has read the request; the broker knows nothing of it."""
    AFTER_SUBMIT = "after_submit"
    """The broker has answered; the client has heard nothing."""
    BEFORE_RESPONSE = "before_response"
    """The 202 is about to be made."""
    AFTER_TAKE = "after_take"
    """A worker holds the entry and has done nothing with it."""
    BEFORE_CALL = "before_call"
    """The request is built and not sent."""
    MID_CALL = "mid_call"
    """The service has done its work and begins to answer; the answer is not read."""
    AFTER_CALL = "after_call"
    """The outcome is known; the broker is not told."""
    AFTER_TELL = "after_tell"
    """The broker was told of the call's end, or of another attempt."""
    BEFORE_DELIVERY = "before_delivery"
    """A notification's attempt has begun; nothing is sent."""
    AFTER_DELIVERY = "after_delivery"
    """The receiver has the notification; the broker is not told."""


class Action(StrEnum):
    KILL = "kill"
    STOP = "stop"
    RAISE = "raise"
    SLEEP = "sleep"
    """Blocks the thread, and with it the event loop."""


@dataclass(slots=True)
class Shot:
    """What happens at a point, once, when it is hit for the n-th time."""

    action: Action
    seconds: float
    hits_left: int

    def hit(self) -> None:
        self.hits_left -= 1
        if self.hits_left:
            return
        match self.action:
            case Action.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Action.STOP:
                os.kill(os.getpid(), signal.SIGSTOP)
            case Action.SLEEP:
                time.sleep(self.seconds)
            case Action.RAISE:
                raise RuntimeError("failpoint")


def shots(text: str) -> dict[Point, Shot]:
    """`point:action[=seconds][@hit]`, several with commas between. Raises ValueError with one line."""
    return dict(map(_shot, filter(None, text.split(","))))


def _shot(text: str) -> tuple[Point, Shot]:
    found = _SHOT.fullmatch(text.strip())
    if found is None or found["point"] not in set(Point) or found["action"] not in set(Action):
        allowed = f"points: {', '.join(Point)}; actions: {', '.join(Action)}"
        raise ValueError(f"BFF_FAILPOINT: {text!r} is not point:action[=seconds][@hit]; {allowed}")
    return Point(found["point"]), Shot(Action(found["action"]), float(found["seconds"] or 1), int(found["hit"] or 1))


def _armed() -> dict[Point, Shot]:
    try:
        return shots(os.environ.get("BFF_FAILPOINT", ""))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


_SHOTS = _armed()


def failpoint(point: Point) -> None:
    """Nothing at all, unless BFF_FAILPOINT named this point when the process started."""
    if _SHOTS and (shot := _SHOTS.get(point)):
        shot.hit()
