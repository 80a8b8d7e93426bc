"""Lua scripts: read from their files, put together, known by their hash."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

Run = tuple[Sequence[str], Sequence[str | bytes | int]]
"""The keys and the arguments of one run of a script."""

_SCRIPTS = files("bff.broker").joinpath("scripts")
_INCLUDE = re.compile(r"^--#include +(\S+) *$")


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script as Redis gets it; `sha` is what EVALSHA calls it by.

    One that is `batched` does many runs at once: it takes what `as_batch` makes of them, and returns the reply of each.
    """

    name: str
    source: str
    batched: bool = False
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False)
        object.__setattr__(self, "sha", digest.hexdigest())


@cache
def script(name: str, directory: Traversable = _SCRIPTS) -> Script:
    """The script `<name>.lua`, in which each line `--#include job` is replaced by the text of `lib/job.lua`.

    What several lines ask for is put in once, where it is asked for first.
    """
    return Script(name, "".join(_parts(name, directory)))


@cache
def batched(name: str, directory: Traversable = _SCRIPTS) -> Script:
    """The same script for many runs at once, see lib/batch.lua: its libraries are made once for all of them."""
    library, body = _parts(name, directory)
    batch = _read(directory.joinpath("lib"), "batch", "there is no lib/batch.lua")
    return Script(name, f"{library}local function run(KEYS, ARGV)\n{body}end\n{batch}", batched=True)


def as_batch(runs: Sequence[Run]) -> Run:
    """Keys and arguments of a batched script for all these runs."""
    keys: list[str] = []
    sizes: list[int] = []
    arguments: list[str | bytes | int] = []
    for its_keys, its_arguments in runs:
        keys += its_keys
        sizes += (len(its_keys), len(its_arguments))
        arguments += its_arguments
    return keys, [len(runs), *sizes, *arguments]


def _parts(name: str, directory: Traversable) -> tuple[str, str]:
    """What the script includes, with what stands before and between, and the rest of it."""
    lines = _read(directory, name, f"no script is named {name!r}").splitlines()
    begins = max((number for number, line in enumerate(lines, 1) if _INCLUDE.match(line)), default=0)
    library = _resolve(name, lines[:begins], directory.joinpath("lib"), set())
    return "".join(f"{line}\n" for line in library), "".join(f"{line}\n" for line in lines[begins:])


def _resolve(name: str, lines: Sequence[str], library: Traversable, included: set[str]) -> Iterator[str]:
    for line in lines:
        include = _INCLUDE.match(line)
        if include is None:
            yield line
        elif (wanted := include[1]) not in included:
            included.add(wanted)
            found = _read(library, wanted, f"{name}.lua includes {wanted!r}, which is not in the library")
            yield from _resolve(wanted, found.splitlines(), library, included)


def _read(directory: Traversable, name: str, missing: str) -> str:
    file = directory.joinpath(f"{name}.lua")
    if not file.is_file():
        entries = directory.iterdir() if directory.is_dir() else ()
        there = sorted(entry.name.removesuffix(".lua") for entry in entries if entry.name.endswith(".lua"))
        raise ValueError(f"{missing}; there are: {', '.join(there) or 'none'}")
    return file.read_text(encoding="utf-8")
