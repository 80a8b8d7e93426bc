"""`bff key`, and the keys of a stack that asks for them."""

import json
import os
from collections.abc import Mapping

import click

from bff.catalog.clients import hash_of, new_key, new_webhook_secret


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
    """What `bff up` gives its parts, and says on the terminal: what the environment has, else what it makes itself."""

    def __init__(self, auth: bool, given: Mapping[str, str] = os.environ) -> None:
        self.auth = auth
        self.demo = given.get("DEMO_KEY") or new_key()
        self.admin = given.get("ADMIN_KEY") or new_key()
        self.webhook_secret = given.get("PUBLIC_WEBHOOK_SECRET") or new_webhook_secret()

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
        client = [f"key of client demo: {self.demo}"] if self.auth else []
        return [*client, f"key of operators: {self.admin}", f"webhooks are signed with: {self.webhook_secret}"]
