"""Where a notification may go: `https://…` or `mailto:…`, read as strictly as can be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

from bff.policies.addresses import is_public

MAX_URI_CHARACTERS = 2000
FIRST_UNPRIVILEGED_PORT = 1024

_PORTS = {"http": 80, "https": 443}
# No userinfo, no fragment, no backslash, nothing but visible ASCII: nothing that two parsers read in two ways.
_AUTHORITY = (
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?"
)
_URL = re.compile(_AUTHORITY + r"(?P<rest>[/?][!$-;=?-\[\]^-z|~]*)?", re.IGNORECASE)
_MAIL = re.compile(r"mailto:(?P<address>[^?]+)", re.IGNORECASE)
_LAST_LABEL_IS_A_NUMBER = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)$")


class NotAllowed(ValueError):
    """Says why, in words for whoever asked."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """`host` is in lower case, without the brackets of IPv6."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """For logs and operators too: a URL's path may be a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Mail:
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def destination_of(uri: str) -> Webhook | Mail:
    """Raises NotAllowed."""
    if len(uri) > MAX_URI_CHARACTERS:
        raise NotAllowed(f"is longer than {MAX_URI_CHARACTERS} characters")
    if mail := _MAIL.fullmatch(uri):
        return Mail(unquote(mail["address"]))
    return webhook_of(uri)


def webhook_of(url: str) -> Webhook:
    """Raises NotAllowed for what is no plain http(s) URL."""
    found = _URL.fullmatch(url)
    if found is None:
        raise NotAllowed("is neither https://host[:port][/path][?query], without user and fragment, nor a mailto:")
    scheme = found["scheme"].lower()
    port = int(found["port"] or _PORTS[scheme])
    if port > 65535:
        raise NotAllowed("has a port above 65535")
    return Webhook(url, scheme, found["host"].lower().strip("[]"), port)


def origins_of(text: str) -> frozenset[str]:
    """A comma-separated list of origins. Raises NotAllowed."""
    listed = [webhook_of(each.strip().rstrip("/")) for each in text.split(",") if each.strip()]
    for each in listed:
        if each.origin != each.url.lower():
            raise NotAllowed(f"lists {each.url!r}, which is no origin such as {each.origin}")
    return frozenset(each.origin for each in listed)


def check(webhook: Webhook, allowed: Iterable[str]) -> None:
    """What can be told without asking anybody. An allowed origin may be anything. Raises NotAllowed."""
    if webhook.origin in allowed:
        return
    if webhook.scheme != "https":
        raise NotAllowed("is not https")
    if webhook.port != _PORTS["https"] and webhook.port < FIRST_UNPRIVILEGED_PORT:
        raise NotAllowed(f"names port {webhook.port}: 443, or {FIRST_UNPRIVILEGED_PORT} and above")
    literal = literal_of(webhook.host)
    if literal is not None and not is_public(literal):
        raise NotAllowed("names an address that is not public")


def literal_of(host: str) -> str | None:
    """The IP address that a host is written as, if it is one; "" where it is one in an unusual form."""
    try:
        address = ip_address(host)
    except ValueError:  # whatever ends in a number is an IPv4 address, or nothing (WHATWG URL)
        return "" if ":" in host or _LAST_LABEL_IS_A_NUMBER.search(host) else None
    return "" if isinstance(address, IPv6Address) and address.scope_id else str(address)
