"""Confidence intervals of a mean, without a library for statistics."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev

Interval = tuple[float, float]

# What |t| exceeds with 5 % chance, of 1 to 9 degrees of freedom (Student, "The Probable Error of a Mean", 1908).
_TABLE = (12.70620, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216)


def t_95(freedom: int) -> float:
    """What |t| exceeds with 5 % chance. From the table, or by Fisher and Cornish's expansion (1960): to 5 digits."""
    if freedom < 1:
        raise ValueError("an interval takes two values or more")
    if freedom <= len(_TABLE):
        return _TABLE[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return sum(term / float(freedom) ** power for power, term in enumerate(terms))


def interval_95(values: Sequence[float]) -> Interval:
    """In which the mean lies in 95 of 100 cases, of two independent values or more."""
    mean, half = fmean(values), t_95(len(values) - 1) * stdev(values) / sqrt(len(values))
    return mean - half, mean + half
