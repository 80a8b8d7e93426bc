"""What a worker says of itself."""

import pytest

from bff.broker.background import background
from bff.broker.cell import Cell
from bff.broker.pipeline import Pipeline
from bff.broker.workers import Held, workers
from tests.workers.world import SUCCESS, Scripted, World
from workers.presence import Presence

pytestmark = pytest.mark.anyio


async def test_it_says_what_it_holds_for_how_long_it_runs_and_whether_it_drains(world: World) -> None:
    downstream = Scripted()
    consumer = world.consumer(downstream)
    presence = Presence(world.cell, "w1", [consumer])
    await world.submit()
    async with background(consumer=consumer.run()):
        await downstream.called.wait()
        await presence.run_once()
        [worker] = await workers(world.cell)
        assert (worker.name, worker.draining, worker.services) == ("w1", False, {"main": Held(busy=1, leased=1)})
        assert 0 <= worker.seen_ms - worker.since_ms < 10_000
        presence.draining = True
        await presence.run_once()
        assert [worker.draining for worker in await workers(world.cell)] == [True]
        downstream.outcomes.append(SUCCESS)
        downstream.may_answer.set()
        consumer.stop()
        await consumer.drained(5)
    await presence.run_once()
    [worker] = await workers(world.cell)
    assert worker.services == {"main": Held(busy=0, leased=0)}
    await presence.leave()
    assert await workers(world.cell) == []


async def test_who_cannot_say_that_it_ends_ends_all_the_same(world: World) -> None:
    pipeline = Pipeline("unix:///nowhere/redis.sock")
    await Presence(Cell(pipeline, world.catalog, world.cell.keys), "w1", []).leave()
    await pipeline.aclose()
