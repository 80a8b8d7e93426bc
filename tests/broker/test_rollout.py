"""The share of an operation that is asynchronous: set once, seen by all."""

import pytest

from bff.broker.rollout import Rollout
from tests.broker.world import World

pytestmark = pytest.mark.anyio


async def test_what_one_sets_the_others_see_when_they_look(world: World) -> None:
    here, there = Rollout(world.cell), Rollout(world.cell)
    await here.set("one", 12.34)
    assert here.percentages["one"] == 12.34
    assert there.percentages["one"] == 100
    await there.run_once()
    assert there.percentages["one"] == 12.34
    assert there.percentages["order"] == 100


async def test_it_is_set_back_to_what_the_catalog_says(world: World) -> None:
    rollout = Rollout(world.cell)
    await rollout.set("one", 0)
    assert not rollout.is_async("one", "anybody")
    await rollout.reset("one")
    assert rollout.is_async("one", "anybody")
