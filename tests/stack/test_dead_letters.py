"""`bff dead-letters` as an operator uses it, on a real Redis."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bff.broker.dead_letters import DeadLetters
from bff.broker.job import JobStatus
from bff.catalog.catalog import load_catalog
from bff.catalog.model import Priority
from bff.catalog.services import SHIPPED_SERVICES
from stack.cli import main
from tests.broker.servers import Server, binaries, patient, running
from tests.broker.world import BAD, GOOD, HOOK, World

pytestmark = pytest.mark.anyio

CART = b'{"cart_id":"c1","amount_cents":1999,"items":[{"sku":"A","quantity":1}]}'
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(next(iter(binaries().values()))) as server:
        yield server


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    """The shipped catalog, as gateways have laid it down."""
    pipeline = patient(server.url)
    world = World(pipeline, load_catalog())
    await world.cell.configure()
    yield world
    await pipeline.aclose()


@pytest.fixture
def command(server: Server, world: World) -> Command:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return dead_letters(*words, REDIS_URL=server.url, KEY_PREFIX=world.keys.prefix)

    return run


def dead_letters(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stack", "dead-letters", *words]
    return subprocess.run(argv, capture_output=True, text=True, env={**os.environ, **environment})


async def lost_call(world: World, **more: str) -> str:
    """An echo whose workers died with it, one after the other: its job."""
    job_id = await world.accepted("echo", parameters=b'{"text":"hi"}', priority=Priority.LOW, **more)
    await world.set("echo", timeout_ms=-1000)
    while await world.take("echo"):
        assert (await world.lanes("echo").reclaim())[0] == 1
    return job_id


async def not_undone(world: World) -> str:
    """A checkout whose stock could not be released: its job."""
    job_id = await world.accepted("checkout", parameters=CART, timeout_ms=60_000)
    for service, end, call in (
        ("inventory", GOOD, "reserve"),
        ("payments", BAD, "charge"),
        ("inventory", BAD, "release"),
    ):
        assert await world.do(end, service) == [call]
    return job_id


async def untold(world: World) -> str:
    """A job of whose end nobody could be told."""
    job_id = await world.accepted("echo", parameters=b'{"text":"hi"}', notify=HOOK)
    await world.do(service="echo")
    [turn] = await world.handed()
    assert await world.outbox.begin(turn)
    await world.outbox.bury(turn, medium="webhook", receiver="https://hooks.example", error="http-500")
    return job_id


async def foreign_entry(world: World) -> None:
    await world.redis.execute("XADD", world.keys.lane("echo", Priority.HIGH), "*", "bogus", "\x1b[31m")
    assert await world.take("echo") == []


async def ids(world: World) -> list[str]:
    return [letter.id async for letter in DeadLetters(world.cell).all()]


async def test_where_there_are_none_it_says_so(command: Command) -> None:
    assert command("list").stdout == "no dead letters\n"
    assert command("list", "--service", "payments").stdout == "no dead letters of service 'payments'\n"
    assert json.loads(command("list", "--json").stdout) == []
    for words in (["replay", "--all"], ["discard", "--all"]):
        result = command(*words)
        assert (result.returncode, result.stdout) == (0, "no dead letters\n")


async def test_the_table_has_a_line_for_each_oldest_first(command: Command, world: World) -> None:
    lost, stuck = await lost_call(world), await not_undone(world)
    await foreign_entry(world)
    told_nobody = await untold(world)
    head, *rows = (line.split() for line in command("list").stdout.splitlines())
    assert head == ["ID", "AGE", "KIND", "SERVICE", "CALL", "JOB", "ERROR", "ATTEMPTS"]
    assert [row[0] for row in rows] == await ids(world)
    assert all(row[1].endswith("s") for row in rows)
    lane = world.keys.lane("echo", Priority.HIGH)
    assert [row[2:] for row in rows] == [
        ["call", "echo", "echo.echo", lost, "worker-lost", "3"],
        ["compensation", "inventory", "checkout.release", stuck, "http-status", "1"],
        ["entry", "echo", lane, "-", "-", "0"],
        ["notification", "webhook", "https://hooks.example", told_nobody, "http-500", "1"],
    ]
    of_inventory = command("list", "--service", "inventory").stdout.splitlines()
    assert [stuck in line for line in of_inventory] == [False, True]


async def test_json_has_the_parameters_decoded(command: Command, world: World) -> None:
    lost = await lost_call(world, client="acme")
    await foreign_entry(world)
    call, entry = json.loads(command("list", "--json").stdout)
    assert call.pop("buried_at").endswith("Z")
    assert call == {
        "id": (await ids(world))[0], "kind": "call", "service": "echo", "operation": "echo", "call": "echo",
        "job": lost, "client": "acme", "priority": "low", "timeout_seconds": 10, "error": "worker-lost", "attempts": 3,
        "parameters": {"text": "hi"}, "receiver": None, "lane": None, "fields": None,
    }  # fmt: skip
    assert (entry["parameters"], entry["job"], entry["fields"]) == (None, None, ["bogus", "\x1b[31m"])


async def test_a_call_is_replayed_as_a_new_job_and_a_compensation_under_its_own(command: Command, world: World) -> None:
    await lost_call(world)
    stuck = await not_undone(world)
    call, compensation = await ids(world)
    result = command("replay", compensation, call)
    assert (result.returncode, result.stderr) == (0, "")
    first, second = result.stdout.splitlines()
    assert first == f"{compensation}: job {stuck}"
    assert second.startswith(f"{call}: job ")
    assert await ids(world) == []
    assert await world.do(GOOD, "inventory") == ["release"]
    assert await world.do(GOOD, "echo") == ["echo"]
    assert (await world.job(second.split()[-1])).status is JobStatus.SUCCEEDED
    assert await world.leftovers() == {}


async def test_a_notification_is_replayed_under_its_own_job_or_discarded(command: Command, world: World) -> None:
    job_id = await untold(world)
    [letter] = await ids(world)
    result = command("replay", "--all", "--service=webhook")
    assert (result.returncode, result.stdout) == (0, f"{letter}: job {job_id}\n")
    assert await ids(world) == []
    assert await world.deliver() == [job_id]
    await untold(world)
    [letter] = await ids(world)
    assert command("discard", letter).stdout == f"{letter}: discarded\n"
    assert await world.leftovers() == {}


async def test_what_cannot_be_replayed_says_why_and_stands_in_nobodys_way(command: Command, world: World) -> None:
    await foreign_entry(world)
    await lost_call(world)
    entry, call = await ids(world)
    result = command("replay", "--all")
    assert result.returncode == 1
    assert result.stderr == f"{entry}: it is no entry of this gateway; discard it\n"
    assert result.stdout.startswith(f"{call}: job ")
    assert await ids(world) == [entry]


async def test_all_can_be_all_of_one_service(command: Command, world: World) -> None:
    await lost_call(world)
    await not_undone(world)
    call, compensation = await ids(world)
    assert command("replay", "--all", "--service=echo").stdout.startswith(f"{call}: job ")
    assert command("discard", "--all", "--service=payments").stdout == "no dead letters of service 'payments'\n"
    assert await ids(world) == [compensation]
    assert command("discard", "--all", "--service=inventory").stdout == f"{compensation}: discarded\n"
    assert await ids(world) == []


async def test_a_letter_that_is_not_there_is_a_failure_and_the_others_are_done(command: Command, world: World) -> None:
    await lost_call(world)
    [call] = await ids(world)
    for word, done in (("replay", f"{call}: job "), ("discard", "")):
        result = command(word, "1-1", call, call)
        assert result.returncode == 1
        assert result.stderr.startswith("1-1: there is no such dead letter\n")
        assert result.stdout.startswith(done)
        assert result.stdout.count("\n") == bool(done)
    assert await ids(world) == []


async def test_a_replay_with_another_services_file_changes_no_limit(
    command: Command, world: World, tmp_path: Path
) -> None:
    await lost_call(world)
    laid_down = await world.redis.execute("HGET", world.keys.service("payments"), "max_concurrency")
    services = tmp_path / "services.toml"
    services.write_text(SHIPPED_SERVICES.read_text().replace("max_concurrency", "max_concurrency = 1 #"))
    result = command("replay", "--all", f"--services={services}")
    assert result.returncode == 0, result.stderr
    assert await world.redis.execute("HGET", world.keys.service("payments"), "max_concurrency") == laid_down


async def test_a_replay_where_no_gateway_was_started_lays_nothing_down(command: Command, world: World) -> None:
    await lost_call(world)
    [call] = await ids(world)
    await world.redis.execute("DEL", *await world.redis.execute("KEYS", f"{world.keys.prefix}:*:plan:*"))
    result = command("replay", call)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{call}: the gateways were started with another catalog")
    assert await ids(world) == [call]
    assert await world.redis.execute("KEYS", f"{world.keys.prefix}:*:plan:*") == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["replay", "x"], "'x' is no id of a dead letter"),
        (["discard", "1-1", "1"], "'1' is no id of a dead letter"),
        (["replay", "99999999999999999999-0"], "is no id of a dead letter"),
        (["replay"], "either the ids of dead letters, or --all"),
        (["discard", "1-1", "--all"], "either the ids of dead letters, or --all"),
        (["replay", "1-1", "--service=echo"], "--service goes with --all"),
        (["list", "--key-prefix=a b"], "--key-prefix (KEY_PREFIX) cannot be 'a b'"),
    ],
)
def test_wrong_use_is_one_line_and_2(words: list[str], reason: str) -> None:
    result = CliRunner().invoke(main, ["dead-letters", *words], env={"REDIS_URL": "redis://127.0.0.1:1"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["list"], ["replay", "1-1"], ["discard", "--all"]])
async def test_without_redis_it_is_one_line_and_1_and_no_password(words: list[str]) -> None:
    result = dead_letters(*words, REDIS_URL="redis://me:secret@127.0.0.1:1")
    assert (result.returncode, result.stdout) == (1, "")
    reason = "cannot connect to Redis: ConnectionRefusedError"
    assert result.stderr == f"bff dead-letters: {reason} (redis://***@127.0.0.1:1, --redis-url)\n"


async def test_a_catalog_that_is_wrong_is_one_line_and_1(command: Command, tmp_path: Path) -> None:
    result = command("list", f"--services={tmp_path / 'none.toml'}")
    assert result.returncode == 1
    assert result.stderr.startswith("bff dead-letters: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["list"], ["replay"], ["discard"]])
async def test_each_explains_itself_with_an_example(words: list[str]) -> None:
    result = dead_letters(*words, "--help")
    assert result.returncode == 0
    assert f"Example: bff {' '.join(['dead-letters', *words])}" in result.stdout
