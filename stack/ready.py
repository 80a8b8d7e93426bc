"""Does it answer? With nothing but sockets, so that the command needs no client library."""

import http.client
import socket
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS = 1.0
REDIS_PORT = 6379


def is_ready(url: str) -> bool:
    """`http:` is ready when it answers 200, `unix:` when a Redis there answers PING, its data loaded."""
    parts = urlsplit(url)
    try:
        return _answers_ping(url) if parts.scheme == "unix" else _answers_ok(parts.netloc, parts.path)
    except (OSError, http.client.HTTPException):
        return False


def is_listening(redis_url: str) -> bool:
    """Whether anything is there; what it is, those that use it will find out."""
    try:
        _connect(redis_url).close()
    except (OSError, ValueError):  # ValueError: a port that is no number
        return False
    return True


def _connect(redis_url: str) -> socket.socket:
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return socket.create_connection((parts.hostname or "localhost", parts.port or REDIS_PORT), TIMEOUT_SECONDS)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_SECONDS)
    try:
        connection.connect(unquote(parts.path))
    except OSError:
        connection.close()
        raise
    return connection


def _answers_ping(url: str) -> bool:
    with _connect(url) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")


def _answers_ok(address: str, path: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()
