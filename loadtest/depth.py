"""How deep a queue was, from when each came and went."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True)
class Depth:
    """`depth` and `oldest_age` (s) at the end of each second from 0 on; `emptied_at`: when it first was empty after
    the instant that was asked for.
    """

    peak: int
    depth: list[float]
    oldest_age: list[float]
    emptied_at: float | None


def depth_of(came: Sequence[float], went: Sequence[float], seconds: int, after: float | None) -> Depth:
    """`came` and `went` in seconds, of one each. `emptied_at` is looked for from `after` on, where that is given."""
    arrivals = sorted(zip(came, went, strict=True))
    waiting: list[tuple[float, float]] = []  # (came, went), the oldest first; who went is dropped once he is that
    leaving: list[float] = []
    next_in, peak, depth, oldest_age = 0, 0, list[float](), list[float]()
    for end in range(1, seconds + 1):
        while next_in < len(arrivals) and arrivals[next_in][0] <= end:
            at, until = arrivals[next_in]
            next_in += 1
            heappush(waiting, (at, until))
            heappush(leaving, until)
            while leaving and leaving[0] <= at:
                heappop(leaving)
            peak = max(peak, len(leaving))
        while leaving and leaving[0] <= end:
            heappop(leaving)
        while waiting and waiting[0][1] <= end:
            heappop(waiting)
        depth.append(float(len(leaving)))
        oldest_age.append(end - waiting[0][0] if waiting else 0.0)
    return Depth(peak, depth, oldest_age, None if after is None else emptied(arrivals, after))


def emptied(arrivals: Sequence[tuple[float, float]], after: float) -> float:
    """The end of the stretch, in which somebody waited without a break, that `after` falls into; else `after`."""
    end = after
    for came, went in arrivals:
        if came > end:
            break
        end = max(end, went)
    return end
