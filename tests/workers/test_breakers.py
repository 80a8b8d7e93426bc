import logging

import pytest

from bff.broker.steering import Steering
from bff.policies.breaker import Forced
from tests.workers.world import UNKNOWN, Scripted, World
from workers.breakers import Breakers

pytestmark = pytest.mark.anyio


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if "breaker" in record.getMessage()]
    caplog.clear()
    return lines


OPENED = ("WARNING", "the breaker has opened: main is left alone")
CLOSED = ("INFO", "the breaker has closed: main is called again")


async def test_each_worker_says_once_that_a_breaker_has_opened_and_once_that_it_has_closed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one, another = Breakers(world.cell), Breakers(world.cell)

    async def looked() -> list[tuple[str, str]]:
        for _ in range(3):
            await one.run_once()
            await another.run_once()
        return said(caplog)

    assert await looked() == []
    world.break_open("main")
    assert await looked() == [OPENED, OPENED]
    world.redis.hset(world.cell.keys.service("main"), "breaker.open_until", 0)
    assert await looked() == [CLOSED, CLOSED]


async def test_a_breaker_that_calls_have_opened_is_said_to_be(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.redis.hset(world.cell.keys.service("main"), "breaker.minimum_calls", 1)
    breakers = Breakers(world.cell)
    await world.submit()
    await world.performed(Scripted(UNKNOWN))
    await breakers.run_once()
    assert said(caplog) == [OPENED]


async def test_an_operators_word_is_said_too(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    breakers, steering = Breakers(world.cell), Steering(world.cell)
    await steering.force("main", Forced.OPEN)
    await breakers.run_once()
    assert said(caplog) == [OPENED]
    await steering.force("main", Forced.CLOSED)
    await breakers.run_once()
    assert said(caplog) == [CLOSED]
