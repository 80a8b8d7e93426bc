"""A ticket is good once and for a short time; a session until it is closed."""

import asyncio

import pytest

from bff.broker.tickets import Sessions, Tickets
from tests.broker.world import World

pytestmark = pytest.mark.anyio


async def keys_of(world: World) -> list[str]:
    found = await world.cell.redis.execute("KEYS", f"{world.keys.prefix}:*")
    return [key.decode() for key in found if b":ticket:" in key or b":session:" in key]


async def test_a_ticket_is_good_once_however_many_try(world: World) -> None:
    tickets = Tickets(world.cell)
    ticket = await tickets.issue("app")
    tries = await asyncio.gather(*(tickets.redeem(ticket) for _ in range(20)))
    assert sorted(tries, key=str) == [None] * 19 + ["app"]


async def test_what_was_never_issued_is_no_ticket(world: World) -> None:
    tickets = Tickets(world.cell)
    ticket = await tickets.issue("app")
    assert await tickets.redeem("") is None
    assert await tickets.redeem(ticket[:-1]) is None
    assert await tickets.redeem(ticket) == "app"


async def test_tickets_and_sessions_are_not_one_another_and_both_end_by_themselves(world: World) -> None:
    tickets, sessions = Tickets(world.cell), Sessions(world.cell)
    ticket, session = await tickets.issue("app"), await sessions.open("sha256:1")
    assert await tickets.redeem(session) is None
    assert await sessions.key_hash_of(ticket) is None
    left = {}
    for key in await keys_of(world):
        left[key.split(":")[-2]] = await world.cell.redis.execute("TTL", key)
    assert 0 < left["ticket"] <= 30
    assert 8 * 3600 - 60 < left["session"] <= 8 * 3600


async def test_a_session_lasts_until_it_is_closed(world: World) -> None:
    sessions = Sessions(world.cell)
    session = await sessions.open("sha256:1")
    assert [await sessions.key_hash_of(session) for _ in range(2)] == ["sha256:1"] * 2
    await sessions.close(session)
    assert await sessions.key_hash_of(session) is None


async def test_redis_holds_neither_as_it_was_given_out(world: World) -> None:
    ticket, session = await Tickets(world.cell).issue("app"), await Sessions(world.cell).open("sha256:1")
    names = await keys_of(world)
    assert len(names) == 2
    assert not [name for name in names if ticket in name or session in name]
