"""What serves the page: its headers, what it refuses, and that nobody computes for who has gone."""

import json
import os
import socket
import subprocess
import sys

import httpx
import pytest

from bff.catalog.services import SHIPPED_SERVICES
from simulator.page.adviser import Adviser
from simulator.page.app import LIMIT_BYTES
from tests.simulator.page.shown import BRIEF

pytestmark = pytest.mark.anyio


def advising() -> list[str]:
    """Our own children that compute advice."""
    listed = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True)
    return [line for line in listed.stdout.splitlines() if "simulator.page.advise" in line]


@pytest.mark.parametrize("path", ["/", "/page.js", "/facts", "/nothing"])
def test_every_answer_lets_the_page_reach_nothing_but_its_own(simulator: str, path: str) -> None:
    headers = httpx.get(simulator + path).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/plan", "[]", 422, "scenario: no JSON object"),
        ("/plan", "{", 422, "no JSON"),
        ("/plan", b"\xff", 422, "no text in UTF-8"),
        (
            "/read?name=mine.toml",
            "[traffic]\nbaseline_per_second =",
            422,
            "mine.toml: Invalid value (at end of document)",
        ),
        ("/services", json.dumps(BRIEF | {"queue": {"discipline": "lifo"}}), 422, "serves lanes by weight"),
        ("/result", "x" * (LIMIT_BYTES + 1), 413, "more than"),
    ],
)
def test_what_it_cannot_use_is_refused_in_words(
    simulator: str, path: str, body: str | bytes, status: int, said: str
) -> None:
    answer = httpx.post(simulator + path, content=body, timeout=30)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        tried = subprocess.run(
            [sys.executable, "-m", "stack", "simulator", f"--port={port}"], capture_output=True, text=True
        )
    line = f"bff simulator: cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port\n"
    assert (tried.returncode, tried.stdout, tried.stderr) == (1, "", line)


async def test_who_no_longer_waits_for_advice_has_nothing_computed() -> None:
    lines = Adviser(SHIPPED_SERVICES).lines(json.dumps(BRIEF))
    assert json.loads(await anext(lines)) == {"doing": "as it stands"}
    assert len(advising()) == 1
    await lines.aclose()
    assert advising() == []


def test_each_preset_has_the_question_it_answers_in_whole(simulator: str) -> None:
    about = {each["scenario"]["name"]: each["about"] for each in httpx.get(f"{simulator}/facts").json()["presets"]}
    assert about["sync-against-async"] == "What does a queue do for a spike that is soon over?"
    assert [said for said in about.values() if not said.endswith("?")] == []
