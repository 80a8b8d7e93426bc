"""`bff key`, and the keys of a stack that asks for them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import click

from bff.catalog.clients import SHIPPED_CLIENTS, hash_of, new_key, new_webhook_secret, read_clients


def command(name: str, summary: str) -> click.Command:
    """`bff key`."""

    def show(as_json: bool) -> None:
        key, secret = new_key(), new_webhook_secret()
        made = {"key": key, "key_hash": hash_of(key), "webhook_secret": secret}
        if as_json:
            print(json.dumps(made, indent=2))
            return
        print(f"""\
For the client, kept nowhere else:
  Authorization: Bearer {key}
  webhook secret: {secret}

For the clients file (--clients), under [clients.NAME] or, without the secret, under [admin]:
  key_hashes = ["{made["key_hash"]}"]
  webhook_secrets = ["{secret}"]""")

    return click.Command(
        name,
        callback=show,
        params=[click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")],
        help=f"{summary} Nothing is stored: the clients file keeps the hash that this prints.",
        epilog="Example: bff key",
    )


class Keyring:
    """What `bff up` gives its parts, and says on the terminal: what the environment has, else what it makes itself.

    Only what the clients file takes is said: one of your own need not have these keys in it.
    """

    def __init__(self, auth: bool, given: Mapping[str, str] = os.environ) -> None:
        """Raises CatalogError where the clients file is wrong."""
        self.auth = auth
        self.demo = given.get("DEMO_KEY") or new_key()
        self.admin = given.get("ADMIN_KEY") or new_key()
        self.webhook_secret = given.get("PUBLIC_WEBHOOK_SECRET") or new_webhook_secret()
        self._file = Path(given.get("CLIENTS_FILE") or SHIPPED_CLIENTS)
        self._clients = read_clients(self._file, {**given, **self.environment()})

    def environment(self) -> dict[str, str]:
        """For gateways and workers: hashes alone, but for the secret, which signs."""
        return {
            "AUTH": str(self.auth).lower(),
            "DEMO_KEY_HASH": hash_of(self.demo),
            "ADMIN_KEY_HASH": hash_of(self.admin),
            "PUBLIC_WEBHOOK_SECRET": self.webhook_secret,
            "DEMO_WEBHOOK_SECRET": self.webhook_secret,
        }

    def lines(self) -> list[str]:
        """What a person needs to know of it."""
        lines = [f"key of client demo: {self.demo}"] if self.auth and self._demo_is_known else []
        if hash_of(self.admin) in self._clients.admin_hashes:
            lines.append(f"key of operators: {self.admin}")
        if any(self.webhook_secret in client.webhook_secrets for client in self._clients.by_name.values()):
            lines.append(f"webhooks are signed with: {self.webhook_secret}")
        return lines or [f"clients, keys and secrets: those of {self._file}"]

    def authorization(self) -> str:
        """The header of a request that is tried; empty where none is asked for."""
        return f"Authorization: Bearer {self.demo if self._demo_is_known else 'KEY'}" if self.auth else ""

    @property
    def _demo_is_known(self) -> bool:
        return self._clients.with_hash(hash_of(self.demo)) is not None
