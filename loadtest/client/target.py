"""Where the load goes: to this machine, unless it is said that another may be loaded."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlsplit

_KEY = re.compile(r"[\x21-\x7e]+")


class NotATarget(Exception):
    """One line: why nothing is sent there."""


@dataclass(frozen=True, slots=True)
class Target:
    """`url` of the gateway without a slash at its end; `keys` of clients, taken in turn; none where none are asked for.

    With an operator's `admin_key` a synchronous run sets the rollout by itself.
    """

    url: str
    keys: tuple[str, ...] = ()
    admin_key: str | None = None

    @classmethod
    def of(
        cls, url: str, keys: tuple[str, ...] = (), admin_key: str | None = None, *, may_be_remote: bool = False
    ) -> Self:
        """Raises NotATarget."""
        for key in (*keys, *([admin_key] if admin_key else [])):
            if not _KEY.fullmatch(key):
                raise NotATarget("what was given as a key is no key: visible ASCII characters, no blanks")
        return cls(checked_url(url, may_be_remote=may_be_remote), keys, admin_key)

    def headers(self, number: int) -> dict[str, str]:
        """Of the client that makes the request of that number."""
        return _bearer(self.keys[number % len(self.keys)]) if self.keys else {}

    @property
    def admin_headers(self) -> dict[str, str]:
        return _bearer(self.admin_key) if self.admin_key else {}


def checked_url(url: str, *, may_be_remote: bool) -> str:
    """Raises NotATarget."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not _has_place(parts) or parts.query or parts.fragment:
        raise NotATarget(f"{url!r} is no URL of a gateway, such as http://127.0.0.1:8000")
    if not (may_be_remote or _is_this_machine(parts.hostname or "")):
        raise NotATarget(
            f"{parts.hostname} is not this machine: only load what is yours to load, and say so with --allow-remote"
        )
    return url.rstrip("/")


def _has_place(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
