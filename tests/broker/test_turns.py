"""Which lane is next is said twice, in Python and in Lua: both say the same, whatever comes and goes in between."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import aclosing

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.catalog.model import LANE_WEIGHTS, Priority
from bff.policies.lanes import Owed, next_lane
from tests.broker.servers import Server, patient
from tests.broker.world import World, a_catalog

CATALOG = a_catalog()
WEIGHTS = tuple(LANE_WEIGHTS[priority] for priority in Priority)

Step = tuple[dict[Priority, list[bool]], int]
"""Jobs come (True: its client withdraws it at once), then so many calls are taken."""

newcomers = st.fixed_dictionaries({priority: st.lists(st.booleans(), max_size=12) for priority in Priority})


@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps=st.lists(st.tuples(newcomers, st.integers(1, 15)), min_size=1, max_size=6))
def test_both_serve_the_same_lanes_in_turn(any_redis: Server, steps: list[Step]) -> None:
    async def history() -> None:
        async with aclosing(patient(any_redis.url)) as pipeline:
            await _play(World(pipeline, CATALOG), steps)

    asyncio.run(history())


async def _play(world: World, steps: Sequence[Step]) -> None:
    await world.cell.configure()
    lanes: list[deque[bool]] = [deque() for _ in Priority]
    owed: Owed = (0, 0, 0)
    for came, wanted in steps:
        for lane, priority in zip(lanes, Priority, strict=True):
            for withdrawn in came[priority]:
                job_id = await world.accepted(priority=priority)
                if withdrawn:
                    await world.jobs.cancel(job_id, "public")
            lane += came[priority]
        expected, owed = _take(lanes, wanted, owed)
        assert Counter(entry.priority for entry in await world.take(wanted=wanted)) == expected


def _take(lanes: Sequence[deque[bool]], wanted: int, owed: Owed) -> tuple[Counter[Priority], Owed]:
    taken: Counter[Priority] = Counter()
    while taken.total() < wanted:
        turn, owed = next_lane([len(lane) for lane in lanes], WEIGHTS, owed)
        if turn is None:
            break
        if not lanes[turn].popleft():
            taken[list(Priority)[turn]] += 1
    return taken, owed
