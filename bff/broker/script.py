"""Lua scripts: read from their files, put together, known by their hash."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_SCRIPTS = files("bff.broker").joinpath("scripts")
_INCLUDE = re.compile(r"^--#include +(\S+) *$")


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script as Redis gets it; `sha` is what EVALSHA calls it by."""

    name: str
    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False)
        object.__setattr__(self, "sha", digest.hexdigest())


@cache
def script(name: str, directory: Traversable = _SCRIPTS) -> Script:
    """The script `<name>.lua`, in which each line `--#include job` is replaced by the text of `lib/job.lua`.

    What several lines ask for is put in once, where it is asked for first.
    """
    text = _read(directory, name, f"no script is named {name!r}")
    return Script(name, "\n".join(_resolve(name, text, directory.joinpath("lib"), set())) + "\n")


def _resolve(name: str, text: str, library: Traversable, included: set[str]) -> Iterator[str]:
    for line in text.splitlines():
        include = _INCLUDE.match(line)
        if include is None:
            yield line
        elif (wanted := include[1]) not in included:
            included.add(wanted)
            found = _read(library, wanted, f"{name}.lua includes {wanted!r}, which is not in the library")
            yield from _resolve(wanted, found, library, included)


def _read(directory: Traversable, name: str, missing: str) -> str:
    file = directory.joinpath(f"{name}.lua")
    if not file.is_file():
        entries = directory.iterdir() if directory.is_dir() else ()
        there = sorted(entry.name.removesuffix(".lua") for entry in entries if entry.name.endswith(".lua"))
        raise ValueError(f"{missing}; there are: {', '.join(there) or 'none'}")
    return file.read_text(encoding="utf-8")
