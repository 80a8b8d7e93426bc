"""Where mail is handed in: smtp://[user:password@]host[:port], or smtps://… ."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`tls`: from the first byte on. Else STARTTLS: always where there is a password, and where it is offered."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


def smtp_server_of(url: str) -> SmtpServer | None:
    """None: there is none. Raises ValueError, in which no password is."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no smtp://[user:password@]host[:port]") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("is no smtp://[user:password@]host[:port], nor smtps://…")
    return SmtpServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "smtps",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
