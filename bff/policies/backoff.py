"""How long to wait before the next attempt."""

from collections.abc import Callable


def delay_ms(base_ms: int, max_ms: int, attempt: int, random: Callable[[], float]) -> int:
    """Full jitter: evenly from 0 up to `base_ms` after attempt 1, doubling after each one, never past `max_ms`.

    `random` answers from 0 up to 1, 1 excluded. After Marc Brooker, "Exponential Backoff and Jitter", AWS
    Architecture Blog, 2015: of the ways to spread retries, this one brings the fewest calls in all.
    """
    if attempt < 1:
        raise ValueError(f"attempt is {attempt}; the first one is 1")
    # A shift past the cap's own length changes nothing, but would make an integer as long as `attempt`.
    ceiling = min(max_ms, base_ms << min(attempt - 1, max_ms.bit_length()))
    return int(random() * (ceiling + 1))
