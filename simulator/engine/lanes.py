"""What waits before a service, and which of it is next."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from bff.policies.admission import WEIGHTS
from bff.policies.lanes import next_lane
from scenario.model import Discipline
from simulator.engine.job import QUEUED, Job
from simulator.engine.plan import PRIORITIES

AGAIN = len(PRIORITIES)
"""The lane of what was begun before: it goes first."""
_WEIGHTS = tuple(WEIGHTS[priority] for priority in PRIORITIES)


class Entry(NamedTuple):
    """A call in a lane, since `queued`; of no use once its job has none for it."""

    job: Job
    k: int
    queued: float
    start_by: float

    @property
    def alive(self) -> bool:
        return self.job.states[self.k] == QUEUED


class Lanes:
    """One for each priority, by discipline; fifo and lifo have one for all. `waiting` counts the dead too."""

    __slots__ = ("_discipline", "_owed", "_queues", "lane_of", "waiting")

    def __init__(self, discipline: Discipline) -> None:
        one = discipline in (Discipline.FIFO, Discipline.LIFO)
        self.lane_of: Sequence[int] = [0 if one else lane for lane in range(len(PRIORITIES))]
        self._queues: list[deque[Entry]] = [deque() for _ in range(AGAIN + 1)]
        self._discipline = discipline
        self._owed: tuple[int, ...] = (0,) * len(PRIORITIES)
        self.waiting = 0

    def put(self, lane: int, entry: Entry) -> None:
        self._queues[lane].append(entry)
        self.waiting += 1

    def oldest(self, lane: int) -> Entry | None:
        """The one that has waited longest and is alive; what is dead before it is forgotten."""
        queue = self._queues[lane]
        while queue:
            if queue[0].alive:
                return queue[0]
            queue.popleft()
            self.waiting -= 1
        return None

    def oldest_of_all(self) -> Entry | None:
        heads = [head for lane in range(AGAIN + 1) if (head := self.oldest(lane)) is not None]
        return min(heads, key=lambda entry: entry.queued, default=None)

    @property
    def begun_before(self) -> int:
        return len(self._queues[AGAIN])

    def take(self) -> Entry | None:
        """The next one that is alive, out of its lane."""
        while self.waiting:
            lane = self._next()
            queue = self._queues[lane]
            last = self._discipline is Discipline.LIFO and lane != AGAIN
            entry = queue.pop() if last else queue.popleft()
            self.waiting -= 1
            if entry.alive:
                return entry
        return None

    def _next(self) -> int:
        """A lane that holds something. Where only one does, nobody is owed anything for its turn."""
        again = self._queues[AGAIN]
        if again:
            return AGAIN
        counts = [len(queue) for queue in self._queues[:AGAIN]]
        holding = [lane for lane in range(AGAIN) if counts[lane]]
        if len(holding) == 1 or self._discipline is not Discipline.WEIGHTED:
            return holding[0]
        lane, self._owed = next_lane(counts, _WEIGHTS, self._owed)
        assert lane is not None
        return lane
