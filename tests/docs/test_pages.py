"""What the docs say of the code is what the code says."""

import re
from pathlib import Path

from bff.trace.span import Fields
from gateway.problems import PROBLEM_TYPES
from stack.settings_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_settings_page_is_the_one_that_the_classes_make() -> None:
    assert (DOCS / "settings.md").read_text() == page(), "run `make docs`"


def test_the_http_page_lists_every_problem_type_and_no_other() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", (DOCS / "http-api.md").read_text(), re.MULTILINE)
    assert listed == [(type_.slug, str(type_.status)) for type_ in PROBLEM_TYPES.values()]


def test_the_page_on_logs_lists_every_field_and_no_other() -> None:
    table = (DOCS / "logs-and-traces.md").read_text().split("| field |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    always = {"time", "level", "logger", "message", "exception", "trace_id", "span_id"}
    assert set(listed) == always | Fields.__annotations__.keys()
