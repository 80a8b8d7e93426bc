"""Which lane of a service is served next: smooth weighted round robin over those that hold something.

The rule as scripts/take.lua applies it; it stands here for the simulator, and a test holds the two to the same turns.
What was begun before, in the lane of its own, goes before all of them.
"""

from collections.abc import Sequence

Owed = tuple[int, ...]
"""What each lane is owed: remembered from one turn to the next, 0 at first."""


def next_lane(waiting: Sequence[int], weights: Sequence[int], owed: Owed) -> tuple[int | None, Owed]:
    """The lane whose turn it is, None where nothing waits, and what each is owed from then on.

    Each lane that holds something is owed its weight more; the one that is owed most (the first of them) is served, and
    pays what was handed out. A turn that finds an entry of no use, too late or cancelled, is paid for like any.
    """
    grown = [debt + weight if count > 0 else debt for count, weight, debt in zip(waiting, weights, owed, strict=True)]
    holding = [lane for lane, count in enumerate(waiting) if count > 0]
    if not holding:
        return None, owed
    best = max(holding, key=grown.__getitem__)
    grown[best] -= sum(weights[lane] for lane in holding)
    return best, tuple(grown)
