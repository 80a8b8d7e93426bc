"""The catalog: operations and services together, refused at start where they contradict each other."""

import inspect
import os
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pydantic import ValidationError

from bff.catalog.model import MAX_CALLS, Call, Operation, Priority
from bff.catalog.plan import Plan, plan_of
from bff.catalog.services import SHIPPED_SERVICES, Service, read_services
from bff.catalog.tables import CatalogError

_OPERATIONS = "bff.catalog.operations"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class Catalog:
    """By name: `operations`, `services`, and each operation's `plans`."""

    operations: Mapping[str, Operation]
    services: Mapping[str, Service]
    plans: Mapping[str, Plan]


def load_catalog(
    services_file: Path = SHIPPED_SERVICES,
    *,
    downstream_url: str = "http://127.0.0.1:9000",
    operations: Iterable[Operation] | None = None,
) -> Catalog:
    """Read and check; of the operations that this project has where none are given.

    Raises CatalogError, one line that names the place and what is allowed.
    """
    services = read_services(services_file, {**os.environ, "DOWNSTREAM_URL": downstream_url.rstrip("/")})
    known: dict[str, Operation] = {}
    for operation in _own_operations() if operations is None else operations:
        if operation.name in known:
            raise CatalogError(f"operation {operation.name!r} is defined twice")
        for complaint in _complaints(operation, services, services_file):
            raise CatalogError(complaint)
        known[operation.name] = operation
    plans = {name: plan_of(operation) for name, operation in known.items()}
    return Catalog(known, services, plans)


def _own_operations() -> Sequence[Operation]:
    """OPERATIONS, imported when it is asked for: a mistake in Python is one line, too."""
    try:
        operations: Sequence[Operation] = import_module(_OPERATIONS).OPERATIONS
    except Exception as error:  # noqa: BLE001 - what is written there may raise anything
        said = error.msg if isinstance(error, SyntaxError) else str(error).partition("\n")[0]
        raise CatalogError(f"{_mistake_at(error)}: {type(error).__name__}: {said}") from None
    return operations


def _mistake_at(error: Exception) -> str:
    """File and line: where what was imported last went wrong, or called what did."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    modules = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == "<module>"]
    return f"{modules[-1].filename}, line {modules[-1].lineno}" if modules else _OPERATIONS


def _complaints(operation: Operation, services: Mapping[str, Service], file: Path) -> Iterator[str]:
    """Each with its place, which is looked for only then: that takes parsing the source of the catalog."""
    for thing, complaint in _found(operation, services, file):
        yield f"{_place(thing)}: operation {operation.name!r}{complaint}"


def _found(operation: Operation, services: Mapping[str, Service], file: Path) -> Iterator[tuple[object, str]]:
    """What is wrong, and at which function or class that is."""
    for complaint in _of_operation(operation):
        yield operation.parameters, f": {complaint}"
    seen: dict[str, Call] = {}
    undone: set[str] = set()
    for call in operation.calls:
        for complaint in _of_call(call, seen, undone, services, file):
            yield call.build, f", call {call.name!r}: {complaint}"
        seen[call.name] = call
        if call.compensation is not None:
            undone.add(call.compensation.name)
    for complaint in _too_slow(operation, services):
        yield operation.parameters, f": {complaint}"


def _of_operation(operation: Operation) -> Iterator[str]:
    if not _NAME.fullmatch(operation.name):
        yield "a name is 1 to 20 of a-z, 0-9 and '-', a letter first"
    if not 1 <= len(operation.calls) <= MAX_CALLS:
        yield f"has {len(operation.calls)} calls; allowed: 1 to {MAX_CALLS}"
    yield from _of_numbers(operation)
    try:
        operation.parameters.model_validate(operation.example)
    except ValidationError as error:
        first = error.errors()[0]
        yield f"its example is refused: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    if all(call.inline for call in operation.calls):
        yield "every call is inline; at least one must be left to the workers"
    if not any(call.required for call in operation.calls):
        yield "no call is required; at least one must be"


def _of_numbers(operation: Operation) -> Iterator[str]:
    if set(operation.timeout_seconds) != set(Priority):
        yield f"timeout_seconds needs each of {', '.join(Priority)}"
    if max(operation.timeout_seconds.values()) > operation.max_timeout_seconds:
        yield f"timeout_seconds is above max_timeout_seconds {operation.max_timeout_seconds:g}"
    if not 0 <= operation.async_percent <= 100:
        yield f"async_percent is {operation.async_percent:g}; allowed: 0 to 100"


def _of_call(
    call: Call, seen: Mapping[str, Call], undone: set[str], services: Mapping[str, Service], file: Path
) -> Iterator[str]:
    names = [call.name] if call.compensation is None else [call.name, call.compensation.name]
    for name in names:
        if not _NAME.fullmatch(name):
            yield f"{name!r}: a name is 1 to 20 of a-z, 0-9 and '-', a letter first"
        if name in seen or name in undone or names.count(name) > 1:
            yield f"the name {name!r} is taken by another call of this operation"
    for service in [call.service] if call.compensation is None else [call.service, call.compensation.service]:
        if service not in services:
            yield f"service {service!r} is not in {file}; there: {', '.join(sorted(services))}"
    for name in call.after:
        if name not in seen:
            yield f"waits after {name!r}, which does not stand before it; before it: {', '.join(seen) or 'none'}"
        elif call.required and not seen[name].required:
            yield f"is required, but waits after {name!r}, which is optional"
    yield from _of_inline(call, services)
    if call.cache_seconds < 0:
        yield f"cache_seconds is {call.cache_seconds}; allowed: 0 (off) or more"


def _of_inline(call: Call, services: Mapping[str, Service]) -> Iterator[str]:
    if not call.inline:
        return
    if call.after or call.compensation or call.cache_seconds:
        yield "is inline, a read before anything else: no after, compensation or cache_seconds is allowed"
    if call.service in services and not services[call.service].inline_concurrency:
        yield f"is inline, but {call.service!r} sets no slots apart for that: inline_concurrency must be above 0"


def _too_slow(operation: Operation, services: Mapping[str, Service]) -> Iterator[str]:
    rest: dict[str, float] = {}
    for call in operation.calls:
        before = max((rest[name] for name in call.after), default=0.0)
        rest[call.name] = before + services[call.service].expected_seconds
    needed = max((rest[call.name] for call in operation.calls if call.required), default=0.0)
    shortest = min(operation.timeout_seconds.values())
    if needed >= shortest:
        yield f"its required calls are expected to take {needed:g} s, its clients wait {shortest:g} s"


def _place(thing: object) -> str:
    """File and line of a function or class of the catalog."""
    try:
        return f"{inspect.getsourcefile(thing)}, line {inspect.getsourcelines(thing)[1]}"  # type: ignore[arg-type]
    except (OSError, TypeError):
        return "catalog"
