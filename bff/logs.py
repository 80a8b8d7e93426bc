"""What a process says of itself: a line each, to stderr, with what is known of the work that it is about."""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from enum import StrEnum
from types import TracebackType
from typing import Final, Unpack

from bff.broker.job import Ended, JobStatus
from bff.trace.span import Fields, current

log = logging.getLogger(__name__)


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


OURS = ("bff", "gateway", "workers")
MOST_CHARACTERS = 2000
"""Of a message, and of an exception."""
MOST_FRAMES = 20
MOST_CAUSES = 5
_ABOUT = "about"

# Ours hold none of this. What libraries say may.
_SECRET = re.compile(
    r"""(?P<user>(?<=://)[^\s/@'"]+@)|(?P<query>(?<=\S)\?[^\s'">)]+)"""
    r"""|(?P<mail>[\w.%+-]+@(?=[\w-]+\.))|(?P<key>\b(?:whsec_|bff_(?=[\w-]{40}))[\w+/=-]+)"""
)
_SPARED: Final = {"user": "***@", "query": "?***", "mail": "***@", "key": "***"}


def log_to_stderr(format_: LogFormat, level: LogLevel) -> None:
    """All lines of the process, those of libraries too; of these, `debug` shows none: they would quote what is sent."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if format_ is LogFormat.JSON else TextLines())
    least: int = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.INFO), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(least)
    sys.excepthook = _died


def about(**fields: Unpack[Fields]) -> dict[str, Fields]:
    """`extra` of a line that is about something else than the work that is being done."""
    return {_ABOUT: fields}


def say_ended(job: Ended) -> None:
    """A line for a job that this process saw end."""
    level = logging.DEBUG if job.status is JobStatus.SUCCEEDED else logging.INFO
    if log.isEnabledFor(level):
        known = about(
            correlation_id=job.job_id,
            operation=job.operation,
            priority=job.priority,
            mode=job.mode,
            outcome=job.status,
        )
        log.log(level, "job ended after %d ms", job.milliseconds, extra=known)


class _Lines(logging.Formatter):
    def facts(self, record: logging.LogRecord) -> dict[str, object]:
        facts: dict[str, object] = {
            "time": _instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        facts.update(_known(record))
        if record.exc_info and record.exc_info[1] is not None:
            facts["exception"] = _place(record.exc_info[1])
        return facts


class JsonLines(_Lines):
    _encode = json.JSONEncoder(separators=(",", ":")).encode  # ASCII: a line is a line for whoever reads it

    def format(self, record: logging.LogRecord) -> str:
        return self._encode(self.facts(record))


class TextLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        facts = self.facts(record)
        head = [facts.pop("time"), str(facts.pop("level")).upper(), f"{facts.pop('logger')}:"]
        words = [*head, _one_line(str(facts.pop("message")))]
        return " ".join(map(str, [*words, *(f"{name}={_quoted(value)}" for name, value in facts.items())]))


def _known(record: logging.LogRecord) -> Mapping[str, object]:
    given: Fields | None = getattr(record, _ABOUT, None)
    if given is not None:
        return given
    span = current()
    ids = {"trace_id": span.context.trace_id, "span_id": span.span_id}
    return {**span.fields, **{name: value for name, value in ids.items() if value}}


def _message(record: logging.LogRecord) -> str:
    """Without the text of an exception: it may quote anything. Its kind and place are a field of their own."""
    message = record.getMessage().strip()
    if record.exc_info and (error := record.exc_info[1]) is not None:
        for text in (repr(error), str(error)):
            message = message.replace(text, type(error).__name__) if text else message
    spared = _SECRET.sub(lambda found: _SPARED[found.lastgroup or ""], message[: 2 * MOST_CHARACTERS])
    return spared[:MOST_CHARACTERS]


def _place(error: BaseException) -> str:
    """As Python says it, on one line, without the exception's text: kinds and places, the last call last."""
    kinds, cause = [], error
    for _ in range(MOST_CAUSES):
        kinds.append(type(cause).__qualname__)
        before = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if before is None:
            break
        cause = before
    frames = traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)
    places = "; ".join(f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}" for frame in frames)
    return f"Traceback: {places}: {' from '.join(kinds)}"[:MOST_CHARACTERS]


def _instant(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds * 1000) % 1000:03}Z"


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _quoted(value: object) -> str:
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if set(text) & {" ", '"', "="} or not text else text


def _died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.exit(130)
    log.critical("the process died", exc_info=(kind, error, trace))
