"""Operators watch over the WebSocket: one overview a second, for them alone."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.calls import client_of
from tests.contract.operators import CLIENT, ROOT, let_in
from tests.contract.sockets import socket
from tests.contract.stack import Gateway, Up, gateway

pytestmark = pytest.mark.anyio

AS_ROOT = {"additional_headers": {"Authorization": f"Bearer {ROOT}"}}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients") / "clients.toml"


@pytest.fixture(scope="module")
def guarded(stack: Up, prefix: str, clients: Path) -> Iterator[Gateway]:
    """A gateway that asks clients for keys, too."""
    let_in(clients)
    with gateway(stack.redis_url, f"--key-prefix={prefix}", "--auth", f"--clients={clients}") as started:
        yield started


async def ticket(operator: httpx.AsyncClient) -> str:
    answer = await operator.post("/admin/v1/ws-tickets")
    assert answer.status_code == 201
    return str(answer.json()["ticket"])


async def test_who_watches_is_sent_the_overview_at_most_once_a_second_until_he_has_seen_enough(
    alone: Gateway, operator: httpx.AsyncClient
) -> None:
    async with socket(alone.url) as watching, socket(alone.url) as leaving:
        for each in (watching, leaving):
            await each.say("watch", ticket=await ticket(operator))
        first = await watching.hear()
        await leaving.say("unwatch")
        while (await leaving.hear())["type"] != "unwatched":
            pass
        began = time.monotonic()
        second = await watching.hear()
        assert time.monotonic() - began > 0.5
        assert (first["type"], second["type"]) == ("overview", "overview")
        assert first["at"] < second["at"]
        assert set(first) == {"type", "at", "queues", "services", "workers", "rollout", "dead_letters"}
        await leaving.say("ping")
        assert (await leaving.hear())["type"] == "pong", "who left is sent none any more"


async def test_a_ticket_is_good_once_and_a_clients_is_none(alone: Gateway, operator: httpx.AsyncClient) -> None:
    once = await ticket(operator)
    clients = (await operator.post("/v1/ws-tickets")).json()["ticket"]
    async with socket(alone.url) as first, socket(alone.url) as second:
        await first.say("watch", ticket=once)
        assert (await first.hear())["type"] == "overview"
        for wrong in (once, clients, "x", None):
            await second.say("watch", ticket=wrong)
            refused = await second.hear()
            assert (refused["type"], refused["problem"]["type"]) == ("error", "/problems/forbidden")


async def test_where_keys_are_asked_for_an_operators_ticket_or_key_is_enough_to_watch_and_for_nothing_else(
    guarded: Gateway,
) -> None:
    async with client_of(guarded.url) as client:
        client.headers["Authorization"] = f"Bearer {ROOT}"
        async with socket(guarded.url) as watching:
            await watching.say("watch", ticket=await ticket(client))
            assert (await watching.hear())["type"] == "overview"
            await watching.say("subscribe", id="x")
            code, _ = await watching.closed()
            assert code == 4401
    async with socket(guarded.url, **AS_ROOT) as watching:
        await watching.say("watch")
        assert (await watching.hear())["type"] == "overview"
    async with socket(guarded.url) as nobody:
        await nobody.say("watch", ticket="x")
        assert (await nobody.closed())[0] == 4401
    async with socket(guarded.url, additional_headers={"Authorization": f"Bearer {CLIENT}"}) as client_socket:
        await client_socket.say("watch")
        assert (await client_socket.hear())["problem"]["type"] == "/problems/forbidden"


async def test_who_is_no_operator_any_more_sees_no_more(guarded: Gateway, clients: Path) -> None:
    async with socket(guarded.url, **AS_ROOT) as watching:
        await watching.say("watch")
        assert (await watching.hear())["type"] == "overview"
        let_in(clients, "another")
        code, heard = await watching.closed()
        let_in(clients)
    assert code == 4401
    assert len(heard) <= 3
