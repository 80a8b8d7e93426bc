"""Who may ask: clients, their keys, and what each of them is allowed. Read from TOML, and again when it changes."""

import base64
import binascii
import hashlib
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from bff.catalog.model import Priority
from bff.catalog.tables import CatalogError, Table, filled, line_of, read_toml, said_of

SHIPPED_CLIENTS = Path(__file__).with_name("clients.toml")
PUBLIC = "public"
"""The client that everybody is while authentication is off."""
LOOKED_AT_EVERY_SECONDS = 1.0
SECRET_BYTES = range(24, 65)
"""How long the secret of a webhook may be (Standard Webhooks)."""

log = logging.getLogger(__name__)


def _whsec(secret: str) -> str:
    try:
        length = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except binascii.Error:
        length = 0
    if not secret.startswith("whsec_") or length not in SECRET_BYTES:
        raise ValueError("a webhook's secret is whsec_ and the Base64 of 24 to 64 random bytes; `bff key` makes one")
    return secret


MAIL_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$"
KeyHash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Address = Annotated[str, Field(pattern=MAIL_ADDRESS, max_length=254)]
Secret = Annotated[str, AfterValidator(_whsec)]


class Admin(Table):
    key_hashes: tuple[KeyHash, ...] = Field((), max_length=100, strict=False)


class Client(Admin):
    """One client. 0 is no bound."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    operations: frozenset[str] | None = Field(None, strict=False)
    highest_priority: Priority = Priority.HIGH
    requests: int = Field(0, ge=0, le=10_000_000)
    window_seconds: int = Field(60, ge=1, le=86_400)
    max_in_flight: int = Field(0, ge=0, le=10_000_000)
    max_waiters: int = Field(0, ge=0, le=1_000_000)
    mail: frozenset[Address] = Field(frozenset(), strict=False)
    webhook_secrets: tuple[Secret, ...] = Field((), max_length=10, strict=False)

    def may_ask(self, operation: str) -> bool:
        return self.operations is None or operation in self.operations

    def registered(self, address: str) -> str | None:
        """The mail address as it is registered; None where it is not."""
        return next((each for each in self.mail if each.lower() == address.lower()), None)

    def allowed(self, asked: Priority) -> Priority:
        """The priority that it gets."""
        if self.highest_priority is Priority.HIGH:
            return asked
        order = list(Priority)  # high to low
        return max(asked, self.highest_priority, key=order.index)


@dataclass(frozen=True, slots=True)
class Clients:
    """What one version of the file says."""

    by_name: Mapping[str, Client]
    admin_hashes: frozenset[str] = frozenset()
    _by_hash: Mapping[str, Client] = field(init=False)

    def __post_init__(self) -> None:
        by_hash = {each: client for client in self.by_name.values() for each in client.key_hashes}
        object.__setattr__(self, "_by_hash", by_hash)

    def with_hash(self, key_hash: str) -> Client | None:
        """Keys are random, and looked up by their hash: how long that takes tells nothing of them."""
        return self._by_hash.get(key_hash)


class ClientRegister:
    """The file as it is now. One that has become wrong is logged, and what was known before stays."""

    def __init__(self, file: Path, variables: Mapping[str, str] = os.environ) -> None:
        """Raises CatalogError."""
        self._file = file
        self._variables = variables
        self._stamp = self._stamped()  # before it is read: what changes meanwhile is seen the next time
        self._clients = read_clients(file, variables)
        self._looked_at = time.monotonic()

    def now(self) -> Clients:
        if time.monotonic() - self._looked_at >= LOOKED_AT_EVERY_SECONDS:
            self._looked_at = time.monotonic()
            stamp = self._stamped()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again()
        return self._clients

    def _read_again(self) -> None:
        try:
            if self._stamp and not self._stamp[1]:
                raise CatalogError(f"{self._file}: the file is empty")  # as it is while it is being written, too
            self._clients = read_clients(self._file, self._variables)
            log.info("read %s again: %d clients", self._file.name, len(self._clients.by_name))
        except CatalogError as error:
            log.error("what was known of the clients stays: %s", error)

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def read_clients(file: Path, variables: Mapping[str, str] = os.environ) -> Clients:
    """Read the tables `[clients.NAME]` and `[admin]`. Raises CatalogError with file, line and what is allowed."""
    text, document = read_toml(file)
    tables = document.pop("clients", {})
    admin = _table(file, text, "admin", document.pop("admin", {}), Admin, variables)
    if document:
        key = next(iter(document))
        allowed = "allowed: [clients.NAME], [admin]"
        raise CatalogError(f"{file}, line {line_of(text, key)}: unknown table or key {key!r}; {allowed}")
    if not isinstance(tables, dict):
        raise CatalogError(f"{file}, line {line_of(text, 'clients')}: clients must be tables [clients.NAME]")
    clients = {
        name: _table(file, text, f"clients.{name}", table, Client, variables, name=name)
        for name, table in tables.items()
    }
    clients.setdefault(PUBLIC, Client(name=PUBLIC))
    owners: dict[str, str] = {}
    for where, holder in [("admin", admin), *((f"clients.{name}", client) for name, client in clients.items())]:
        for each in holder.key_hashes:
            if each in owners:
                at = f"{file}, line {line_of(text, where, 'key_hashes')}"
                raise CatalogError(f"{at}: {where}.key_hashes: this key is that of {owners[each]} already")
            owners[each] = where
    return Clients(clients, frozenset(admin.key_hashes))


def _table(file: Path, text: str, where: str, table: Any, model: Any, variables: Mapping[str, str], **more: str) -> Any:
    if not isinstance(table, dict):
        raise CatalogError(f"{file}, line {line_of(text, where)}: {where} must be a table [{where}]")
    complete = {key: _filled_in(file, text, where, key, value, variables) for key, value in table.items()} | more
    try:
        return model.model_validate_json(json.dumps(complete, default=str))
    except ValidationError as error:
        first = min(error.errors(), key=lambda each: each["type"] == "missing")
        key, *inner = [str(part) for part in first["loc"]] or [""]
        dotted = ".".join(part for part in (where, key, *inner) if part)
        at = f"{file}, line {line_of(text, where, key)}"
        raise CatalogError(f"{at}: {dotted}: {_without_secrets(key, said_of(first, model))}") from None


def _filled_in(file: Path, text: str, where: str, key: str, value: Any, variables: Mapping[str, str]) -> Any:
    """`${NAME}` in lists of texts; what is not set leaves its entry out."""
    if not isinstance(value, list):
        return value
    known = {name: "" for each in value for name in re.findall(r"\$\{(\w+)\}", str(each))} | dict(variables)
    at = f"{file}, line {line_of(text, where, key)}: {where}.{key}"
    return [each for each in (filled(str(entry), known, at) for entry in value) if each]


def _without_secrets(key: str, said: str) -> str:
    """A key that stands where its hash belongs is one, too."""
    return said.partition(" (got ")[0] if key in ("webhook_secrets", "key_hashes") else said


def hash_of(key: str) -> str:
    """What the file has of a key. Keys are 256 random bits: no salt and no slow hash is needed to keep them."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    return "bff_" + secrets.token_urlsafe(32)


def new_webhook_secret() -> str:
    """As Standard Webhooks writes one."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
