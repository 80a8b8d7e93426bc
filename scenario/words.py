"""Numbers, durations, shares and stretches of time as people read them."""

from collections.abc import Iterator, Sequence
from math import floor, log10

MANY_SPELLS = 3


def number(value: float) -> str:
    """To three digits, thousands set apart, nothing after the point that is 0."""
    if value == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    return _minus(_short(f"{value:,.{digits}f}"))


def seconds(value: float) -> str:
    """Below one second in milliseconds, to a hundredth of one."""
    if abs(value) >= 1:
        return f"{number(value)} s"
    milliseconds = round(1000 * value, 2)
    return f"{number(milliseconds)} ms" if milliseconds else "0 s"


def per_second(value: float) -> str:
    return f"{number(value)}/s"


def share(value: float) -> str:
    """In per cent; what is near 100 is never rounded to it."""
    if not 0.99 < value < 1:
        return f"{number(100 * value)} %"
    digits = max(1, 1 - floor(log10(100 * (1 - value))))
    return f"{_short(f'{100 * value:.{digits}f}')} %"


def change(part: float) -> str:
    """In per cent, to a tenth of one."""
    return signed(f"{_minus(f'{100 * part:,.1f}').replace('−0.0', '0.0')} %")


def signed(text: str) -> str:
    """With its sign, unless it is none."""
    return text if text.startswith("−") or text.split(" ")[0] in ("0", "0/s", "0.0") else f"+{text}"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """One, two and three."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def many(count: float, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


Spell = tuple[float, float]


def spells(at: Sequence[float], holds: Sequence[bool]) -> list[Spell]:
    """From when to when it held. Interruptions of up to 1 % of the whole (at least 2 s) count for nothing."""
    if not at:
        return []
    gap = max(2.0, 0.01 * (at[-1] - at[0]))
    found: list[Spell] = []
    for instant in (instant for instant, held in zip(at, holds, strict=True) if held):
        if found and instant - found[-1][1] <= gap:
            found[-1] = (found[-1][0], instant)
        else:
            found.append((instant, instant))
    return found


def when(found: Sequence[Spell]) -> str:
    """Each spell, or how many there were."""
    if len(found) > MANY_SPELLS:
        total = sum(end - start for start, end in found)
        return f"{len(found)} times between {clock(found[0][0])} and {clock(found[-1][1])}, {clock(total)} in all"
    return listed([_spell(start, end) for start, end in found])


def clock(at: float) -> str:
    """A moment of the run."""
    return f"{_short(f'{at:,.1f}')} s"


def sentences(parts: Iterator[str] | Sequence[str]) -> str:
    """Each with its capital letter and full stop."""
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)


def _spell(start: float, end: float) -> str:
    return f"at {clock(start)}" if start == end else f"from {clock(start)} to {clock(end)}"


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(text: str) -> str:
    return text.replace("-", "−")
