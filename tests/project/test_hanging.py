"""What tests/conftest.py does for a run of the whole suite: no test hangs it, and what fails is told at once."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import TO_END_SECONDS

ROOT = Path(__file__).parents[2]
HANGS = """
import asyncio
import pytest

@pytest.fixture
async def around():
    yield
    await asyncio.sleep(0)
    print("the fixture has ended")

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_hangs(around, anyio_backend):
    await asyncio.Event().wait()
"""


def test_a_test_that_hangs_fails_where_it_waits_and_its_fixtures_end(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(HANGS)
    options = ("-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-o", f"timeout={TO_END_SECONDS + 0.5}")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", *options, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    at_once, _, in_the_end = done.stdout.partition("FAILURES")
    assert "test_hangs[asyncio] failed in its call:" in at_once
    assert "await asyncio.Event().wait()" in at_once
    assert "the fixture has ended" in in_the_end
    assert "1 failed" in in_the_end
