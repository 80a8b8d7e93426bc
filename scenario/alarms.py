"""What makes a run worthless, or must never happen."""

from collections.abc import Iterator

from scenario import words
from scenario.result import End, Figures


def alarms(figures: Figures) -> Iterator[str]:
    """In words; their first letter is small."""
    load = figures.load or {}
    if load.get("valid") is False:
        yield f"invalid. What follows says nothing about the system{invalid_because(figures)}."
    if lost := max(round(figures.shares.get(End.LOST, 0) * figures.offered), load.get("lost") or 0):
        yield f"lost. {words.many(lost, 'accepted request')} never ended; there must be none."
    if (effects := load.get("max_effects_per_key") or 0) > 1:
        yield f"doubled. A call took effect {words.number(effects)} times; each may once."


def invalid_because(figures: Figures) -> str:
    reasons = (figures.load or {}).get("reasons")
    return f": {'; '.join(reasons)}" if reasons else ""
