"""The services that operations stand on: where they are, and what they can carry. Read from TOML."""

import json
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from bff.catalog.model import Priority
from bff.catalog.tables import CatalogError, Table, filled, line_of, read_toml, said_of
from bff.policies.admission import Admission

TAKEN_NAMES = ("webhook", "mail")
"""Under these, dead letters of notifications are counted and listed."""
SHIPPED_SERVICES = Path(__file__).with_name("services.toml")


def _for_every_priority(value: Any) -> Any:
    return dict.fromkeys(Priority, value) if isinstance(value, int | float) else value


PerPriority = Annotated[dict[Priority, Annotated[float, Field(gt=0, le=86_400)]], BeforeValidator(_for_every_priority)]


_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_FOUR_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){3}")


def _with_a_host_and_port_that_can_be(url: str) -> str:
    """Raises ValueError, also for what stands in brackets and is no IPv6 address."""
    parts = urlsplit(url)
    host, _ = parts.hostname or "", parts.port
    if ":" not in host:
        _require_name(host)
    return url


def _require_name(host: str) -> None:
    """Raises ValueError. In ASCII: what else there is, two libraries read in two ways."""
    if not _NAME.fullmatch(host):
        raise ValueError(
            "a host is letters, digits, hyphens and underscores between dots; one of other letters is written as xn--…"
        )
    if _FOUR_NUMBERS.fullmatch(host):
        IPv4Address(host)
    try:
        host.encode().decode("idna")
    except UnicodeError:
        raise ValueError(f"{host!r} is not the name of a host") from None


class RetryPolicy(Table):
    """Attempts in all, the first included; between them full jitter, doubling from `base_seconds` to `max_seconds`."""

    attempts: int = Field(3, ge=1, le=20)
    base_seconds: float = Field(0.1, gt=0, le=60)
    max_seconds: float = Field(5.0, gt=0, le=600)

    @model_validator(mode="after")
    def _base_below_max(self) -> Self:
        if self.base_seconds > self.max_seconds:
            raise ValueError(f"base_seconds {self.base_seconds:g} is above max_seconds {self.max_seconds:g}")
        return self


class BreakerPolicy(Table):
    """Opens when at least `minimum_calls` ended within `window_seconds` and `failure_percent` of them or more badly.

    The first open period lasts `open_seconds`; each that follows without the service having got well, twice as long.
    """

    failure_percent: int = Field(50, ge=1, le=100)
    minimum_calls: int = Field(20, ge=1, le=1_000_000)
    window_seconds: float = Field(10.0, gt=0, le=600)
    open_seconds: float = Field(5.0, gt=0, le=60)


class Service(Table):
    """One downstream service. Bounds hold over all workers together."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    base_url: Annotated[str, AfterValidator(_with_a_host_and_port_that_can_be)] = Field(
        pattern=r"^https?://(\[[0-9A-Fa-f:]+\]|[^/\s?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s\x00-\x1f\x7f?#]*)?$",
        description="http(s)://host[:port][/path]",
    )
    max_concurrency: int = Field(ge=1, le=100_000, description="calls in flight at once")
    rate_per_second: float = Field(0, ge=0, le=1_000_000, description="calls started per second; 0: no limit")
    timeout_seconds: float = Field(gt=0, le=600, description="of one attempt, from connecting to the last byte")
    expected_seconds: float = Field(gt=0, le=600, description="how long a call takes, until it is measured")
    inline_concurrency: int = Field(0, ge=0, le=10_000, description="slots set apart for each gateway's inline calls")
    sync_share: float = Field(0.5, gt=0, le=1, description="of the slots that synchronous jobs may fill, above 0 to 1")
    capacity: int = Field(ge=1, le=10_000_000, description="waiting places")
    shares: PerPriority = Field(
        default_factory=lambda: dict.fromkeys(Priority, 1.0),
        description="of the capacity that one priority may fill",
    )
    admission: Admission = Field(
        Admission.FULL,
        description="what turns a job away at this service: full, capacity (its lane's bound alone), none",
    )
    max_wait_seconds: PerPriority = Field(
        default_factory=dict,
        description="longest wait for a start; without one the job's deadline alone decides",
    )
    honours_idempotency_key: bool = Field(
        True, description="a call repeated with the same Idempotency-Key has no second effect"
    )
    max_response_bytes: int = Field(1_048_576, ge=1, le=67_108_864)
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.expected_seconds > self.timeout_seconds:
            raise ValueError(
                f"expected_seconds {self.expected_seconds:g} is above timeout_seconds {self.timeout_seconds:g}"
            )
        if set(self.shares) != set(Priority) or max(self.shares.values()) > 1:
            raise ValueError("shares needs high, normal and low, each above 0 and at most 1")
        return self

    @property
    def sync_slots(self) -> int:
        """Slots that the calls of synchronous jobs may fill, over all gateways together."""
        return max(1, int(self.max_concurrency * self.sync_share))

    @property
    def bounds(self) -> dict[Priority, int]:
        """Waiting places that each priority may fill."""
        return {priority: max(1, int(self.capacity * share)) for priority, share in self.shares.items()}


_TABLES: Mapping[str, type[Table]] = {"retry": RetryPolicy, "breaker": BreakerPolicy}


def read_services(file: Path, variables: Mapping[str, str] = os.environ) -> dict[str, Service]:
    """Read the tables `[services.NAME]` of a TOML file; `${NAME}` in a base_url is taken from `variables`.

    Raises CatalogError with the file, the line and what is allowed there.
    """
    text, document = read_toml(file)
    tables = document.pop("services", None)
    if document:
        key = next(iter(document))
        raise CatalogError(f"{file}, line {line_of(text, key)}: unknown table or key {key!r}; allowed: [services.NAME]")
    if not isinstance(tables, dict) or not tables:
        raise CatalogError(f"{file}: no service in it; at least one table [services.NAME] is needed")
    return {name: _service(file, text, name, table, variables) for name, table in tables.items()}


def _service(file: Path, text: str, name: str, table: Any, variables: Mapping[str, str]) -> Service:
    where = f"services.{name}"
    if not isinstance(table, dict):
        raise CatalogError(f"{file}, line {line_of(text, where)}: {where} must be a table [services.{name}]")
    if name in TAKEN_NAMES:
        raise CatalogError(f"{file}, line {line_of(text, where)}: {where}: notifications are counted under this name")
    if "name" in table:
        raise CatalogError(
            f"{file}, line {line_of(text, where, 'name')}: unknown key 'name'; the table names the service"
        )
    at = f"{file}, line {line_of(text, where, 'base_url')}: {where}.base_url"
    url = filled(str(table.get("base_url", "")), variables, at)
    complete = {**table, "name": name, **({"base_url": url} if "base_url" in table else {})}
    try:  # as JSON, whose strict mode takes the name of a priority for one, but no "2" for a 2
        return Service.model_validate_json(json.dumps(complete, default=str))
    except ValidationError as error:
        # What is unknown before what is missing: a misspelt key is both.
        first = min(error.errors(), key=lambda each: each["type"] == "missing")
        if first["type"] == "missing":
            lacking = ", ".join(str(each["loc"][0]) for each in error.errors())
            raise CatalogError(f"{file}, line {line_of(text, where)}: {where} lacks {lacking}") from None
        key, *inner = [str(part) for part in first["loc"] if part not in ("name", "[key]")] or [""]
        dotted = ".".join(part for part in (where, key, *inner) if part)
        model = _TABLES[str(first["loc"][0])] if len(first["loc"]) > 1 and first["loc"][0] in _TABLES else Service
        raise CatalogError(f"{file}, line {line_of(text, where, key)}: {dotted}: {said_of(first, model)}") from None
