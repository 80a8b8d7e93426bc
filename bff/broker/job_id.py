"""Correlation ids: UUIDs of version 7 (RFC 9562) with the job's cell in the first four bits of rand_a."""

import os
import re
import time

MAX_CELL = 15
_VARIANTS = {f"{digit:x}": "89ab"[digit % 4] for digit in range(16)}
"""Two bits of a random digit behind the two of the variant."""
_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_job_id(cell: int = 0, *, now_ms: int | None = None) -> str:
    """A new id: 48 bits of Unix time in ms, 4 of the cell, 70 random ones."""
    instant = f"{time.time_ns() // 1_000_000 if now_ms is None else now_ms:012x}"
    chance = os.urandom(9).hex()
    variant = _VARIANTS[chance[2]]
    return f"{instant[:8]}-{instant[8:]}-7{cell:x}{chance[:2]}-{variant}{chance[3:6]}-{chance[6:]}"


def is_job_id(text: str) -> bool:
    """Whether this has the form of an id of ours; every other one is unknown without asking the broker."""
    return _FORM.fullmatch(text) is not None


def cell_of(job_id: str) -> int:
    """The number of the cell that the job lives in."""
    return int(job_id[15], 16)


def made_at_ms(job_id: str) -> int:
    """When the id was made, by the clock of the gateway that made it: Unix time in ms."""
    return int(job_id[:8] + job_id[9:13], 16)
