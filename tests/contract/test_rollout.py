"""Moving an operation from synchronous to asynchronous, and back: every gateway follows within a second."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from click.testing import CliRunner

from stack.cli import main
from tests.contract.calls import ECHO, HI, client_of, problem_of
from tests.contract.operators import ROOT, let_in
from tests.contract.stack import Gateway, Up, gateway

pytestmark = pytest.mark.anyio

ROLLOUT = "/admin/v1/rollout"


@pytest.fixture(scope="module")
def other(stack: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Another gateway of the same installation, whose operators' key is known here."""
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    let_in(file)
    with gateway(stack.redis_url, f"--clients={file}", f"--downstream-url={stack.mock_url}") as started:
        yield started


@pytest.fixture
async def operator(stack: Up, other: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Afterwards all is asynchronous again, for every gateway."""
    async with client_of(other.url) as client, client_of(stack.gateway_url) as first:
        client.headers["Authorization"] = f"Bearer {ROOT}"
        yield client
        (await client.put(f"{ROLLOUT}/echo", json={"async_percent": 100})).raise_for_status()
        await until(first, "async")


async def mode(api: httpx.AsyncClient, **headers: str) -> str:
    answer = await api.post(ECHO, json=HI, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code in (200, 202), answer.text
    assert answer.status_code == {"sync": 200, "async": 202}[answer.json()["mode"]]
    return str(answer.json()["mode"])


async def until(api: httpx.AsyncClient, wanted: str) -> float:
    """How many seconds passed until a gateway served so."""
    began = time.monotonic()
    while await mode(api) != wanted:
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def rollout_of(stack: Up, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack", "rollout", *words, f"--redis-url={stack.redis_url}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


async def test_what_an_operator_sets_at_one_gateway_all_do_within_a_second_and_back(
    api: httpx.AsyncClient, mock: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    answer = await operator.put(f"{ROLLOUT}/echo", json={"async_percent": 0})
    assert (answer.status_code, answer.json()) == (200, {"operation": "echo", "async_percent": 0})
    assert await mode(operator) == "sync"
    assert await until(api, "sync") < 1
    assert {"operation": "echo", "async_percent": 0.0} in (await operator.get(ROLLOUT)).json()["rollout"]
    metrics = (await operator.get("/metrics")).text
    assert 'bff_rollout_async_ratio{operation="echo"} 0.0' in metrics
    assert 'bff_rollout_async_ratio{operation="report"} 1.0' in metrics
    await operator.put(f"{ROLLOUT}/echo", json={"async_percent": 100})
    assert await until(api, "async") < 1


async def test_a_share_is_sticky_grows_from_within_and_counts_subjects(
    mock: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    subjects = [f"user-{number}" for number in range(50)]
    moved_before: set[str] = set()
    for percent in (25, 60):
        await operator.put(f"{ROLLOUT}/echo", json={"async_percent": percent})
        modes = {subject: await mode(operator, request_subject=subject) for subject in subjects}
        moved = {subject for subject in subjects if modes[subject] == "async"}
        assert moved >= moved_before
        assert abs(len(moved) / len(subjects) - percent / 100) < 0.13
        again = {subject: await mode(operator, request_subject=subject) for subject in subjects[:10]}
        assert again == {subject: modes[subject] for subject in subjects[:10]}
        moved_before = moved


async def test_the_command_sets_and_says_it(stack: Up, api: httpx.AsyncClient, operator: httpx.AsyncClient) -> None:
    done = rollout_of(stack, "set", "echo", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert {"operation": "echo", "async_percent": 0.0} in json.loads(done.stdout)["rollout"]
    assert await until(api, "sync") < 1
    done = rollout_of(stack, "reset", "echo")
    assert "echo                  100.00 % asynchronous" in done.stdout
    assert await until(api, "async") < 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "nothing", "5"), "no operation 'nothing'; there are: echo, checkout, home-screen, report"),
        (("set", "echo", "101"), "101 is not a percentage from 0 to 100"),
        (("set", "echo", "nan"), "nan is not a percentage from 0 to 100"),
        (("set", "echo", "half"), "'half' is not a valid float"),
    ],
)
def test_wrong_use_of_the_command_is_said_and_changes_nothing(stack: Up, words: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, ["rollout", *words, f"--redis-url={stack.redis_url}"])
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    shown = CliRunner().invoke(main, ["rollout", "show", f"--redis-url={stack.redis_url}"])
    assert "echo                  100.00 %" in shown.stdout


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("echo", b'{"async_percent": 100.5}', 422, "invalid-parameters"),
        ("echo", b'{"async_percent": "5"}', 422, "invalid-parameters"),
        ("echo", b'{"async_percent": true}', 422, "invalid-parameters"),
        ("echo", b'{"percent": 5}', 422, "invalid-parameters"),
        ("echo", b"5", 422, "invalid-parameters"),
        ("echo", b'{"async_percent": NaN}', 400, "malformed-json"),
        ("echo", b"{", 400, "malformed-json"),
        ("nothing", b'{"async_percent": 5}', 404, "unknown-operation"),
    ],
)
async def test_what_is_no_share_is_refused(
    operator: httpx.AsyncClient, path: str, body: bytes, status: int, slug: str
) -> None:
    answer = await operator.put(f"{ROLLOUT}/{path}", content=body, headers={"Content-Type": "application/json"})
    problem_of(answer, status, slug)
    assert {"operation": "echo", "async_percent": 100.0} in (await operator.get(ROLLOUT)).json()["rollout"]
