"""What the runbooks have an operator type is there to be typed, and every alert has its page."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Any

import click
import pytest
from redis import Redis

from bff.catalog.catalog import load_catalog
from bff.catalog.clients import ClientRegister
from gateway.app import create_app
from gateway.settings import GatewaySettings
from stack.cli import main
from tests.broker.servers import binaries, running
from tests.docs.runbooks import DOCS, LINKED, PAGES, ROOT, RUNBOOKS, SECTIONS, alerts, anchors, commands, links, queries

COMMANDS = [command for page in PAGES for command in commands(page)]
INDEX = re.compile(r"^\| (Bff\w+) \| (?:info|warning|critical) \| \[([\w-]+\.md)\]\(\2#(\w+)\) \|$", re.MULTILINE)
SHELL_WORDS = ("until", "do", "done")
SEVERITIES = re.compile(r"^\| (Bff\w+) \| (\w+) \|", re.MULTILINE)


def words(program: str) -> list[list[str]]:
    """What the command lines give to a program, each once."""
    found = [part[1:] for command in COMMANDS for part in _parts(command) if part[0] == program]
    assert found
    return [given for i, given in enumerate(found) if given not in found[:i]]


def _parts(command: str) -> Iterator[list[str]]:
    """The programs of a pipeline or a loop, each with its arguments."""
    tokens = shlex.shlex(command, posix=True, punctuation_chars=True)
    tokens.whitespace_split = True
    for between, part in groupby(tokens, lambda token: set(token) <= set("();<>|&") or token in SHELL_WORDS):
        if not between:
            yield list(part)


def test_every_command_line_is_one_to_the_shell() -> None:
    assert len(COMMANDS) > 80
    for command in COMMANDS:
        subprocess.run(["bash", "-n", "-c", command], check=True, capture_output=True, text=True)


@pytest.mark.parametrize("given", words("bff"), ids=" ".join)
def test_every_command_of_ours_is_taken(given: list[str]) -> None:
    """By name and options; nothing is run."""
    command: click.Command = main
    context = click.Context(command, info_name="bff")
    while isinstance(command, click.Group):
        _, found, given = command.resolve_command(context, given)
        assert found
        command = found
        context = click.Context(command, parent=context, info_name=command.name)
    command.parse_args(context, ["5" if word.startswith("$") else word for word in given])


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    settings = GatewaySettings()
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    document = create_app(settings, catalog, ClientRegister(settings.clients_file)).openapi()
    found: dict[str, Any] = document["paths"]
    return found


def test_every_request_has_a_path_and_a_method_of_the_gateway(paths: dict[str, Any]) -> None:
    asked = {request for given in words("curl") if (request := _request(given))}
    assert len(asked) > 10
    offered = {(method, re.sub(r"\{\w+\}", "*", path)) for path, methods in paths.items() for method in methods}
    assert sorted(asked - offered) == []


def _request(given: list[str]) -> tuple[str, str] | None:
    """Method and path where a gateway is asked. Variables are path parameters; the service's name is."""
    asked = next((word for word in given if word.startswith("$BFF/")), None)
    if asked is None:
        return None
    method = given[given.index("-X") + 1].lower() if "-X" in given else "post" if "-d" in given else "get"
    path = asked.removeprefix("$BFF").partition("?")[0]
    return method, re.sub(r"\$\w+", "*", path)


def test_every_path_that_the_text_names_is_one_of_the_gateway(paths: dict[str, Any]) -> None:
    named = {path for page in PAGES for path in re.findall(r"`(/admin/v1/[\w/-]+)`", page.read_text())}
    assert named
    assert sorted(named - set(paths)) == []


def test_every_command_of_redis_is_known_to_it() -> None:
    binary = min(binaries().items())[1]
    shown = subprocess.run([binary.parent / "redis-cli", "--help"], capture_output=True, text=True)
    options = set(re.findall(r"^  (--?[\w-]+)", shown.stdout + shown.stderr, re.MULTILINE))
    with running(binary) as server, Redis.from_url(server.url) as redis:
        for given in words("redis-cli"):
            rest = list(dropwhile(lambda word: not re.fullmatch("[A-Z]+", word), given))
            assert {word for word in given[: len(given) - len(rest)] if word.startswith("-")} <= options, given
            if rest and rest[0] != "SENTINEL":
                known: Any = redis.execute_command("COMMAND", "INFO", rest[0])
                assert known[rest[0].lower()], given


def test_every_metric_that_is_asked_for_is_documented() -> None:
    rows = "".join((DOCS / page).read_text() for page in ("metrics.md", "http-api.md") if (DOCS / page).exists())
    documented = set(re.findall(r"^\| `((?:bff|process)_\w+)", rows, re.MULTILINE))
    named = re.compile(r"\b(?:bff|process)_[a-z0-9_]+")
    asked = {name for page in PAGES for query in queries(page) for name in named.findall(query)}
    assert len(asked) > 20
    assert sorted(name for name in asked if re.sub("_(bucket|count|sum)$", "", name) not in documented) == []


@pytest.mark.parametrize("page", [page for page in PAGES if alerts(page)], ids=lambda page: page.name)
def test_every_alert_says_the_same_five_things(page: Path) -> None:
    for alert, sections in alerts(page).items():
        assert sections == SECTIONS, alert


def test_the_index_lists_every_alert_with_its_heading_and_no_other() -> None:
    listed = INDEX.findall((RUNBOOKS / "README.md").read_text())
    assert sorted(listed) == sorted((a, page.name, a.lower()) for page in PAGES for a in alerts(page))


def test_the_index_says_of_every_rule_how_severe_it_is() -> None:
    rules = "".join(file.read_text() for file in (ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    named = re.findall(r"- alert: (\w+)\n.*?severity: (\w+)", rules, re.DOTALL)
    assert sorted(named) == sorted(SEVERITIES.findall((RUNBOOKS / "README.md").read_text()))


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link
