"""keys.py is the one page of keys: what scripts write stands on it, of the type and with the end that it says."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bff.broker.dead_letters import DeadLetters
from bff.broker.job import CallStatus, Mode
from bff.broker.keys import Keys
from bff.broker.lanes import Entry
from bff.broker.rollout import Rollout
from bff.broker.synchronous import begin
from bff.broker.tickets import OperatorSessions, OperatorTickets, Sessions, Tickets
from bff.broker.unclaimed import Tally
from bff.broker.workers import Held, beat
from bff.catalog.model import Priority
from tests.broker.world import BAD, GOOD, HOOK, World

pytestmark = pytest.mark.anyio

PAGE = {name: inspect.getdoc(method) or "" for name, method in inspect.getmembers(Keys, inspect.isfunction)}
KINDS = ("HASH", "STRING", "LIST", "ZSET", "STREAM")
DOCUMENTED = {name: doc for name, doc in PAGE.items() if doc.startswith(KINDS)}


def forms(keys: Keys, name: str) -> Iterator[re.Pattern[str]]:
    """How the keys that one function gives look like, whatever its arguments are."""
    method = getattr(keys, name)
    wanted = list(inspect.signature(method).parameters)
    for priority in Priority if "priority" in wanted else [Priority.HIGH]:
        given = {argument: priority if argument == "priority" else "ARGUMENT" for argument in wanted}
        yield re.compile(re.escape(method(**given)).replace("ARGUMENT", "[A-Za-z0-9_-]+"))


def functions(keys: Keys, key: str) -> list[str]:
    return [name for name in DOCUMENTED if any(form.fullmatch(key) for form in forms(keys, name))]


async def live_a_full_life(world: World) -> Entry:
    """Something of everything: who asks, a success, a retry, a failure undone in part, a cancellation, a worker.

    Returns a synchronous call that is in flight.
    """
    await Tickets(world.cell).issue("sha256:1")
    await Sessions(world.cell).open("sha256:1")
    await OperatorTickets(world.cell).issue("sha256:1")
    await OperatorSessions(world.cell).open("sha256:1")
    await world.accepted(idempotency_key="k")
    await world.do(replace(GOOD, cache_key="d1", cache_ms=60_000))
    await world.accepted("order")
    await world.do()
    await world.do(BAD)
    await world.do(BAD)
    await world.jobs.cancel(await world.accepted("order", notify=HOOK), "public")
    await world.accepted("both")
    await Rollout(world.cell).set("one", 50)
    left, right = await world.take()
    await world.lanes().retry(left, delay_ms=5_000, effect=True, error="timeout", http_status=None, pause_ms=1)
    await world.lanes().finish(right, replace(GOOD, status=CallStatus.FALLBACK))
    await beat(world.cell, "w1", up_ms=5, draining=False, services={"fast": Held(1, 2)})
    await Tally(world.cell).run_once()
    await world.until_ms(await world.now_ms() + 1)  # the service has rested
    begun = await begin(world.cell, await world.accepted(mode=Mode.SYNC), "only")
    assert begun.entry is not None
    return begun.entry


async def test_every_key_is_given_by_one_function_and_every_function_gives_one(world: World) -> None:
    await live_a_full_life(world)
    keys = [key.decode() for key in await world.redis.execute("KEYS", f"{world.keys.prefix}:*")]
    found = {key: functions(world.keys, key) for key in keys}
    assert {key: names for key, names in found.items() if len(names) != 1} == {}
    assert {name for names in found.values() for name in names} == DOCUMENTED.keys()


async def test_every_key_is_of_the_type_that_is_said(world: World) -> None:
    await live_a_full_life(world)
    for key in await world.redis.execute("KEYS", f"{world.keys.prefix}:*"):
        [name] = functions(world.keys, key.decode())
        kind = (await world.redis.execute("TYPE", key)).decode()
        assert DOCUMENTED[name].startswith(kind.upper())


async def test_what_is_said_to_expire_does_once_jobs_have_ended_and_nothing_else(world: World) -> None:
    synchronous = await live_a_full_life(world)
    for job_id in await world.redis.execute("ZRANGE", world.keys.deadlines(), 0, -1):
        await world.jobs.cancel(job_id.decode(), "public")
    await world.lanes().finish(synchronous, GOOD)
    await world.until_ms(await world.now_ms() + 1)  # the service has rested
    while await world.do():
        pass
    await world.deliver()
    letters = DeadLetters(world.cell)
    async for letter in letters.all():
        await letters.discard(letter)
    for key in await world.redis.execute("KEYS", f"{world.keys.prefix}:*"):
        [name] = functions(world.keys, key.decode())
        expires = await world.redis.execute("PTTL", key) > 0
        assert expires == ("expires" in DOCUMENTED[name]), key


def test_every_function_says_what_it_gives() -> None:
    channels = {name for name, doc in PAGE.items() if doc.startswith("CHANNEL")}
    rest = {name for name in PAGE if not name.startswith("_")} - DOCUMENTED.keys() - channels
    assert (channels, rest) == ({"changed", "aborted"}, {"lanes"})


def test_all_keys_of_a_cell_share_its_hash_tag_and_no_two_cells_do() -> None:
    one, two = Keys("shop", 0), Keys("shop", 1)
    for name in DOCUMENTED:
        for keys, tag in ((one, "{c0}"), (two, "{c1}")):
            assert all(form.pattern.startswith(re.escape(f"shop:{tag}:")) for form in forms(keys, name))


def test_a_services_lanes_are_named_from_high_to_low() -> None:
    assert Keys().lanes("echo") == [f"bff:{{c0}}:lane:echo:{name}" for name in ("high", "normal", "low", "again")]
