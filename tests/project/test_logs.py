"""What every line of a process says, and what it never says."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from bff.logs import MOST_CHARACTERS, JsonLines, LogFormat, LogLevel, TextLines, about, log_to_stderr
from bff.trace.context import TraceContext
from bff.trace.span import Kind, span

SCRIPT = "from bff.logs import *; log_to_stderr(LogFormat.TEXT, LogLevel.INFO); logging.getLogger('who').info('what')"
log = logging.getLogger("bff.tests")


class Said(StringIO):
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    def facts(self) -> dict[str, Any]:
        """Of the only line."""
        [line] = self.lines()
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is set up for all of a process is as it was, afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("bff")
    before = root.handlers[:], root.level, ours.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    root.handlers = []
    yield
    root.handlers, level, ours_level = before
    root.setLevel(level)
    for name in ("bff", "gateway", "workers"):
        logging.getLogger(name).setLevel(ours_level)


@pytest.fixture
def json_lines(process: None, monkeypatch: pytest.MonkeyPatch) -> Said:
    said = Said()
    monkeypatch.setattr(sys, "stderr", said)
    log_to_stderr(LogFormat.JSON, LogLevel.DEBUG)
    return said


@pytest.fixture
def text_lines(process: None, monkeypatch: pytest.MonkeyPatch) -> Said:
    said = Said()
    monkeypatch.setattr(sys, "stderr", said)
    log_to_stderr(LogFormat.TEXT, LogLevel.INFO)
    return said


def test_a_line_begins_with_the_time_in_utc_wherever_the_process_runs() -> None:
    environment = {**os.environ, "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    instant, rest = done.stderr.split(" ", 1)
    assert rest == "INFO who: what\n"
    assert instant.endswith("Z")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(instant)) < timedelta(minutes=1)


def test_a_line_says_what_is_known_of_the_work_that_it_is_said_in(json_lines: Said) -> None:
    trace = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    with span("outer", Kind.SERVER, parent=trace, operation="checkout", attempt=1) as outer:
        outer.came_to("accepted")
        with span("inner", Kind.INTERNAL, call="charge", attempt=2) as inner:
            inner.note(service="payments")
            log.debug("half way")
    facts = json_lines.facts()
    assert datetime.fromisoformat(facts.pop("time")).tzinfo is UTC
    assert facts == {
        "level": "debug",
        "logger": "bff.tests",
        "message": "half way",
        "operation": "checkout",
        "call": "charge",
        "service": "payments",
        "attempt": 2,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }, "an outcome is of its own span, and a span that nobody records has no id"


def test_a_line_about_something_else_says_that_and_not_what_is_being_done(json_lines: Said) -> None:
    with span("other", Kind.INTERNAL, operation="echo"):
        log.info("ended", extra=about(correlation_id="j1"))
    assert json_lines.facts().keys() == {"time", "level", "logger", "message", "correlation_id"}


def test_text_has_the_same_fields_behind_the_message(text_lines: Said) -> None:
    with span("work", Kind.INTERNAL, operation="echo", attempt=1, client='a "b" c=d'):
        log.info("done")
    [line] = text_lines.lines()
    assert line.split(" ", 1)[1] == r'INFO bff.tests: done operation=echo attempt=1 client="a \"b\" c=d"'


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\u2028", "\x85", "\x1b[2J", "\ud800", "\0"], ids=ascii)
def test_what_is_said_is_one_line_whatever_is_in_it(break_: str) -> None:
    """By the formatters alone: pytest's own capture cannot carry half a surrogate pair."""
    record = logging.makeLogRecord({"msg": "a%sb", "args": (break_,), **about(client=f"a{break_}b")})
    as_text, as_json = TextLines().format(record), JsonLines().format(record)
    assert as_text.isprintable()
    assert as_json.isascii()
    assert as_json.isprintable()
    assert json.loads(as_json)["message"] == json.loads(as_json)["client"] == f"a{break_}b"


def test_a_line_has_a_longest_length(json_lines: Said) -> None:
    log.info("x" * 100_000)
    assert len(json_lines.getvalue()) < MOST_CHARACTERS + 200


@pytest.mark.parametrize(
    ("said", "spared"),
    [
        ("no redis://bff:hunter2@10.0.0.1:6379/0", "no redis://***@10.0.0.1:6379/0"),
        ("POST https://hooks.test/in?token=hunter2 failed", "POST https://hooks.test/in?*** failed"),
        ("550 <ann.hunter2@example.com> unknown", "550 <***@example.com> unknown"),
        ("bad whsec_hunter2hunter2=", "bad ***"),
        ("key bff_hunter2hunter2hunter2hunter2hunter2hunter2_", "key ***"),
        ("bff_queue_depth is what it is? yes", "bff_queue_depth is what it is? yes"),
    ],
)
def test_what_a_library_says_is_cleared_of_secrets(said: str, spared: str, json_lines: Said) -> None:
    logging.getLogger("library").warning("%s", said)
    assert json_lines.facts()["message"] == spared


def test_of_an_exception_the_kind_and_the_place_are_said_and_never_its_text(json_lines: Said) -> None:
    try:
        try:
            raise KeyError("hunter2")
        except KeyError as error:
            raise ValueError("card 4111 of hunter2") from error
    except ValueError as error:
        log.exception("1.0s ! j1 failed, %s: %s %r", type(error).__name__, error, error)
    facts = json_lines.facts()
    assert facts["message"] == "1.0s ! j1 failed, ValueError: ValueError ValueError"
    assert facts["exception"].startswith("Traceback: tests/project/test_logs.py:")
    assert facts["exception"].endswith(": ValueError from KeyError")
    assert "hunter2" not in json_lines.getvalue()


def test_a_task_that_nobody_waits_for_is_said_the_same_way(json_lines: Said) -> None:
    async def fails() -> None:
        raise ValueError("hunter2")

    async def forgets() -> None:
        await asyncio.wait([asyncio.ensure_future(fails())])

    asyncio.run(forgets())
    facts = json_lines.facts()
    assert facts["logger"] == "asyncio"
    assert facts["exception"].endswith(" fails: ValueError")
    assert "hunter2" not in json_lines.getvalue()


def test_what_ends_the_process_is_said_the_same_way() -> None:
    script = "from bff.logs import *; log_to_stderr(LogFormat.JSON, LogLevel.INFO); raise ValueError('hunter2')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stderr)["exception"].endswith(": ValueError")
    assert "hunter2" not in done.stderr


def test_at_debug_libraries_say_no_more_than_before(json_lines: Said) -> None:
    """websockets would say every frame."""
    logging.getLogger("websockets").debug("< TEXT hunter2")
    log.debug("ours")
    assert json_lines.facts()["message"] == "ours"
