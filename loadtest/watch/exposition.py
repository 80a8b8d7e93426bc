"""Prometheus text, as far as it is asked for: a few samples of a page of thousands."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    labels: Mapping[str, str]
    value: float


class Wanted:
    """Samples of these names: their lines are found by one search, the others are never looked into."""

    def __init__(self, names: Iterable[str]) -> None:
        alternatives = "|".join(map(re.escape, names))
        self._line = re.compile(rf"^({alternatives})(?:\{{(.*)\}})?[ \t]+(\S+)", re.MULTILINE)

    def of(self, page: str) -> Iterator[Sample]:
        """Raises ValueError where a value is no number: it is no such page."""
        for found in self._line.finditer(page):
            name, labels, value = found.groups()
            yield Sample(name, _labels(labels or ""), float(value))


def _labels(text: str) -> dict[str, str]:
    return {name: _ESCAPED.sub(_unescaped, value) for name, value in _LABEL.findall(text)}


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
