"""The garbage collector of a process that serves, told what stays."""

import gc


def spare_what_stays() -> None:
    """To be called once a process is up: what it has made by then lives as long as it does, and is not looked at again.

    The rest is looked at less often than Python would (its own numbers in brackets): the youngest after 50,000 more
    (700), the older ones at every 20th and at every 1,000th of these times (10th, 100th). ADR 3 has what it is worth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
