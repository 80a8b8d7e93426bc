"""A gateway for operators, without workers: what a test leaves there stays as it is."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bff.broker.keys import Keys
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import hash_of
from tests.broker.servers import patient
from tests.broker.world import World
from tests.contract.calls import client_of
from tests.contract.stack import Gateway, Up, gateway

ROOT, CLIENT = f"bff_{'r' * 43}", f"bff_{'c' * 43}"


def let_in(clients: Path, operators_key: str = ROOT) -> None:
    """The keys of a client and of operators, from now on."""
    clients.write_text(
        f'[clients.app]\nkey_hashes = ["{hash_of(CLIENT)}"]\n[admin]\nkey_hashes = ["{hash_of(operators_key)}"]\n'
    )


@pytest.fixture(scope="session")
def prefix() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="session")
def alone(stack: Up, prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks clients for no key; operators it always asks."""
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    let_in(file)
    with gateway(stack.redis_url, f"--key-prefix={prefix}", f"--clients={file}") as started:
        yield started


@pytest.fixture
async def operator(alone: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(alone.url) as client:
        client.headers["Authorization"] = f"Bearer {ROOT}"
        yield client


@pytest.fixture
async def world(stack: Up, prefix: str) -> AsyncIterator[World]:
    pipeline = patient(stack.redis_url)
    yield World(pipeline, load_catalog(), Keys(prefix))
    await pipeline.aclose()


async def a_letter(world: World) -> str:
    """A call that ended three workers: its job."""
    job_id = await world.accepted("echo", parameters=b'{"text":"hi"}')
    await world.set("echo", timeout_ms=-1000)
    while await world.take("echo"):
        assert (await world.lanes("echo").reclaim())[0] >= 1
    return job_id


async def an_entry_of_nobody(world: World, lane: str = "x") -> None:
    """A letter that can only be discarded: what somebody else put into a lane."""
    fields = ("kind", "entry", "lane", lane, "service", "echo", "fields", "{}")
    await world.redis.execute("XADD", world.keys.dead(), "*", *fields)
