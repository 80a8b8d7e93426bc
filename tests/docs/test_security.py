"""docs/security.md names for each threat the test that holds it; each of them is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (.+) \|$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)[1:]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_threat_has_a_test_and_every_test_is_there() -> None:
    assert len(ROWS) > 25
    for row in ROWS:
        named = TEST.findall(row.rpartition(" | ")[2])
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
