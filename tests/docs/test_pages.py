"""What the docs say of the code is what the code says."""

import re
from pathlib import Path

from gateway.problems import PROBLEM_TYPES
from stack.settings_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_settings_page_is_the_one_that_the_classes_make() -> None:
    assert (DOCS / "settings.md").read_text() == page(), "run `make docs`"


def test_the_http_page_lists_every_problem_type_and_no_other() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", (DOCS / "http-api.md").read_text(), re.MULTILINE)
    assert listed == [(type_.slug, str(type_.status)) for type_ in PROBLEM_TYPES.values()]
