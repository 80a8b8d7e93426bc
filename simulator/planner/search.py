"""The least, or the most, that will do: by bisection from a guess, over what only gets better, or only worse."""

from collections.abc import Callable

STEP = 0.02
"""Of the guess, the first step away from it; each further one is twice as wide."""
NEAR = 0.002
"""So near is found what is no whole number."""
WIDE = 4
"""So many times more or less than guessed is looked at."""
FINE = 128
"""Where a whole number is sought, to one part in so many."""


def least(will_do: Callable[[int], bool], guess: int, most: int) -> int | None:
    """The least whole number from 1 to `most` that will do, or hardly more; None where `most` will not."""
    bracket = _bracket(will_do, max(1, min(guess, most)), most)
    if bracket is None:
        return None
    low, high = bracket
    while high - low > max(1, high // FINE):
        middle = (low + high) // 2
        low, high = (low, middle) if will_do(middle) else (middle, high)
    return high


def _bracket(will_do: Callable[[int], bool], guess: int, most: int) -> tuple[int, int] | None:
    """What will not do (0 never will), and what will."""
    step = max(1, round(STEP * guess))
    low = high = guess
    if will_do(guess):
        low = max(0, guess - step)
        while low and will_do(low):
            step *= 2
            low, high = max(0, low - step), low
        return low, high
    while low < most:
        high = min(most, low + step)
        if will_do(high):
            return low, high
        low, step = high, 2 * step
    return None


def greatest(will_do: Callable[[float], bool], guess: float) -> float | None:
    """The greatest number that will do, to two in a thousand, from a quarter of the guess to the fourfold; None where
    nothing of that will.
    """
    low, high, step = guess, guess, 1 + STEP
    if will_do(guess):
        while will_do(high := min(low * step, WIDE * guess)):
            if high == WIDE * guess:
                return high
            low, step = high, step * step
    else:
        while not will_do(low := max(high / step, guess / WIDE)):
            if low == guess / WIDE:
                return None
            high, step = low, step * step
    while high - low > NEAR * high:
        middle = (low + high) / 2
        low, high = (middle, high) if will_do(middle) else (low, middle)
    return low
