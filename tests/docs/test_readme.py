"""What the README has a newcomer type works as it says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.stack import Up
from tests.docs.examples import commands, run

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture(scope="module")
def stack() -> Iterator[Up]:
    stack = Up()
    yield stack
    stack.end()


def test_the_five_minutes_go_as_told(stack: Up) -> None:
    buy, read, fail, buy_again, effects, reset = commands("Five minutes: the first 202, and its result")
    accepted = run(buy, stack)
    assert accepted.startswith("HTTP/1.1 202 Accepted")
    location = re.search(r"location: (\S+)", accepted)
    assert location
    shown = re.search(r"/v1/jobs/\S+", read)
    assert shown
    job = json.loads(run(read.replace(shown[0], location[1]).replace("wait=10", "wait=30"), stack))
    assert job["status"] == "succeeded"
    assert job["result"]["confirm"]["order_id"]
    replayed = run(buy, stack)
    assert "idempotency-replayed: true" in replayed
    assert job["id"] in replayed

    run(fail, stack)
    failed = json.loads(run(buy_again.replace("wait=10", "wait=30"), stack))
    assert failed["status"] == "failed"
    assert failed["error"]["call"] == "charge"
    undone = json.loads(
        run(f"curl -H 'Prefer: wait=5' -H 'If-None-Match: x' localhost:8000/v1/jobs/{failed['id']}", stack)
    )
    assert "release" in undone["calls"]
    while (counters := json.loads(run(effects, stack))["counters"])["effects"] < 3:
        pass
    assert counters["effects"] == 3
    run(reset, stack)


def test_every_file_that_it_points_to_is_there() -> None:
    linked = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert linked
    for link in linked:
        assert (Path(__file__).parents[2] / link).exists(), link
