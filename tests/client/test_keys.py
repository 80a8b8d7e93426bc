"""With a key, and without one, where the gateway asks for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from bff.catalog.clients import hash_of
from bff_client import Channel, Client, Forbidden, NotFound, Refused, Unauthorized
from tests.client.conftest import HASTY
from tests.client.front import Front, Kind, front_of
from tests.contract.calls import CART, HI
from tests.contract.stack import Gateway, Up, gateway

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

ALICE, BOB = (f"bff_{letter * 43}" for letter in "ab")
CLIENTS = f"""
[clients.alice]
key_hashes = ["{hash_of(ALICE)}"]
[clients.bob]
key_hashes = ["{hash_of(BOB)}"]
operations = ["echo"]
requests = 1
"""


@pytest.fixture(scope="module")
def guarded(stack: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks for keys, over the lanes and the worker of the stack."""
    clients = tmp_path_factory.mktemp("clients") / "clients.toml"
    clients.write_text(CLIENTS)
    with gateway(stack.redis_url, "--auth", f"--clients={clients}") as started:
        yield started


@pytest.fixture
async def front(guarded: Gateway) -> AsyncIterator[Front]:
    async with front_of(guarded.url) as front:
        yield front


@pytest.mark.parametrize("channel", Channel)
async def test_the_key_opens_every_channel(front: Front, channel: Channel) -> None:
    async with Client(front.url, ALICE, patience=HASTY) as alice:
        job = await alice.run("echo", HI, timeout=20, channels=[channel])
        assert (await alice.get(job)).succeeded
    assert {kind for kind in Kind if front.seen[kind]} == {Kind.SUBMIT, Kind(channel), Kind.POLL}


@pytest.mark.parametrize("channel", Channel)
async def test_another_clients_job_is_none(front: Front, channel: Channel) -> None:
    async with Client(front.url, ALICE) as alice, Client(front.url, BOB, patience=HASTY) as bob:
        job = await alice.submit("echo", HI)
        with pytest.raises(NotFound):
            await bob.wait(job.id, channels=[channel])


async def test_without_a_known_key_nothing_is_tried_twice(front: Front) -> None:
    for key in (None, "bff_wrong"):
        async with Client(front.url, key, patience=HASTY) as stranger:
            with pytest.raises(Unauthorized):
                await stranger.submit("echo", HI)
            with pytest.raises(Unauthorized):
                await stranger.wait("some-job")
    assert front.seen[Kind.SUBMIT] == 2


async def test_what_the_key_does_not_allow_is_forbidden_and_what_is_used_up_refused(front: Front) -> None:
    async with Client(front.url, BOB, attempts=1) as bob:
        with pytest.raises(Forbidden):
            await bob.submit("checkout", CART)
        await bob.submit("echo", HI)
        with pytest.raises(Refused, match="quota-exceeded") as raised:
            await bob.submit("echo", HI)
    assert raised.value.retry_after
