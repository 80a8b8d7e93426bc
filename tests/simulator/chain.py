"""Stationary birth-death chains, solved state by state: another way to what the formulas say."""

import math
from collections.abc import Callable


def stationary(birth: Callable[[int], float], death: Callable[[int], float], most: int) -> list[float]:
    """Shares of the time that 0 to `most` are there."""
    logarithms = [0.0]
    for number in range(1, most + 1):
        logarithms.append(logarithms[-1] + math.log(birth(number - 1)) - math.log(death(number)))
    highest = max(logarithms)
    weights = [math.exp(each - highest) for each in logarithms]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def above(shares: list[float], servers: int) -> float:
    """Mean number that waits."""
    return math.fsum(share * max(0, number - servers) for number, share in enumerate(shares))
