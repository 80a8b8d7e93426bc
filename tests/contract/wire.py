"""HTTP by hand, for what no client library would send."""

import socket
from email.parser import BytesParser
from typing import NamedTuple

import httpx


class Answer(NamedTuple):
    """One response as it came; `rest` is what followed it on the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes

    def as_response(self) -> httpx.Response:
        return httpx.Response(self.status, headers=self.headers, content=self.body)


def connection(url: str) -> socket.socket:
    parsed = httpx.URL(url)
    return socket.create_connection((parsed.host, parsed.port or 80), timeout=60)


def exchange(url: str, sent: bytes) -> Answer:
    """Send all, then read to the end of the connection, which the request or the gateway must close."""
    with connection(url) as wire:
        wire.sendall(sent)
        return answer_in(read_all(wire))


def read_all(wire: socket.socket) -> bytes:
    received = b""
    while more := wire.recv(65_536):
        received += more
    return received


def answer_in(received: bytes) -> Answer:
    head, _, rest = received.partition(b"\r\n\r\n")
    status_line, _, lines = head.partition(b"\r\n")
    headers = {name.lower(): str(value) for name, value in BytesParser().parsebytes(lines).items()}
    length = int(headers.get("content-length", 0))
    return Answer(int(status_line.split()[1]), headers, rest[:length], rest[length:])


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """One request that asks for the connection to be closed."""
    head = [f"{method} {path} HTTP/1.1", "Host: gateway", "Connection: close", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + body
