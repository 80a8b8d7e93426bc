"""Dead letters as an operator reads them: a table, or JSON."""

import json
from collections.abc import Sequence

from bff.broker.dead_letters import DeadLetter
from bff.wire.dead_letter import letter_document

_HEAD = ("ID", "AGE", "KIND", "SERVICE", "CALL", "JOB", "ERROR", "ATTEMPTS")
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def as_table(letters: Sequence[DeadLetter], now_ms: int) -> str:
    """One line each, under a head."""
    rows = [_HEAD, *(_row(letter, now_ms) for letter in letters)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def as_json(letters: Sequence[DeadLetter]) -> str:
    """One array; what a kind of letter does not have is null."""
    return json.dumps([letter_document(letter) for letter in letters], indent=2)


def _row(letter: DeadLetter, now_ms: int) -> tuple[str, ...]:
    call = letter.receiver or letter.lane or f"{letter.operation}.{letter.call}"
    age = _age(max(0, now_ms - letter.buried_ms) // 1000)
    cells = (letter.id, age, letter.kind, letter.service, call, letter.job_id, letter.error, str(letter.attempts))
    return tuple(cell or "-" for cell in cells)


def _age(seconds: int) -> str:
    return next((f"{seconds // length}{unit}" for unit, length in _UNITS if seconds >= length), f"{seconds}s")
