"""Reading the catalog's TOML files: what is wrong is named with its file, its line and what is allowed there."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from pydantic import BaseModel, ConfigDict


class CatalogError(Exception):
    """The catalog contradicts itself. Names the file, the line and what is allowed."""


class Table(BaseModel):
    """A table of a file, all of whose keys are known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def read_toml(file: Path) -> tuple[str, dict[str, Any]]:
    """The text, and what it says. Raises CatalogError."""
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{file}: {error}") from None
    except (RecursionError, ValueError) as error:  # numbers of thousands of digits, brackets within brackets
        raise CatalogError(f"{file}: cannot be read: {error}") from None
    except OSError as error:
        raise CatalogError(f"{file}: {error.strerror}") from None


def filled(text: str, variables: Mapping[str, str], where: str) -> str:
    """`${NAME}` replaced by its value. Raises CatalogError where there is none."""
    try:
        return Template(text).substitute(variables)
    except KeyError as error:
        raise CatalogError(f"{where}: variable {error} is not set") from None
    except ValueError:
        raise CatalogError(f"{where}: a $ begins a variable, as in ${{NAME}}; write $$ for a $") from None


def said_of(error: Any, model: type[BaseModel]) -> str:
    """What pydantic found wrong with a value of `model`, in words."""
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(sorted(name for name in model.model_fields if name != "name"))
        return f"unknown key; allowed: {allowed}"
    if error["type"] == "missing":
        return "is missing"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{said} (got {error['input']!r})" if error["loc"] else said


def line_of(text: str, table: str, key: str = "") -> int:
    """The line on which a table, or a key of it, stands; tomllib keeps none."""
    here, found = False, 1
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            here = header[1].replace('"', "") in (table, f"{table}.{key}")
            found = number if here else found
        if here and key and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[.=]", line):
            return number
        if header and not key and header[1].startswith(f"{table}."):
            return number
        if not header and not key and re.match(rf"\s*{re.escape(table)}\s*[.=]", line):
            return number
    return found
