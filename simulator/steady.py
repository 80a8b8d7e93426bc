"""What one long run says of a steady state: without its warm-up, and without taking neighbours for independent."""

from collections.abc import Sequence
from math import inf
from statistics import fmean

from simulator.student import Interval, interval_95

BATCH = 5
BATCHES = 20


def warm_up(values: Sequence[float]) -> int:
    """How many values at the beginning to leave out: MSER-5 (White, "An Effective Truncation Heuristic for Bias
    Reduction in Simulation Output", 1997). That cut, within the first half, after which the mean is known best.
    """
    means = [fmean(values[at : at + BATCH]) for at in range(0, len(values) - BATCH + 1, BATCH)]
    best, cut = inf, 0
    count, total, squares = 0, 0.0, 0.0
    for index in range(len(means) - 1, -1, -1):
        count, total, squares = count + 1, total + means[index], squares + means[index] ** 2
        error = (squares - total * total / count) / count**2
        if index <= len(means) // 2 and error <= best:
            best, cut = error, index
    return cut * BATCH


def batch_means(values: Sequence[float], batches: int = BATCHES) -> Interval:
    """The mean's interval from the means of so many batches, each long enough to forget the one before."""
    size = len(values) // batches
    if size < 1:
        raise ValueError(f"{len(values)} values do not make {batches} batches")
    return interval_95([fmean(values[at * size : (at + 1) * size]) for at in range(batches)])
