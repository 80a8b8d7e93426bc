import socket
from collections.abc import Awaitable, Callable

import httpx

Steer = Callable[..., Awaitable[None]]
Counters = Callable[[str], Awaitable[dict[str, int]]]
Until = Callable[..., Awaitable[None]]

SLOW = {"distribution": "constant", "mean_seconds": 30}
AT_ONCE = {"distribution": "constant", "mean_seconds": 0}


async def echo(
    mock: httpx.AsyncClient, key: str | None = None, timeout_seconds: float | None = None, text: str = "hi"
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    if timeout_seconds is not None:
        headers["Request-Timeout"] = str(timeout_seconds)
    return await mock.post("/echo/echo", json={"text": text}, headers=headers)


def open_call(mock: httpx.AsyncClient, path: str = "/recommendations/u1") -> socket.socket:
    """A call whose connection the test holds in its own hand."""
    host, port = mock.base_url.host, mock.base_url.port
    assert port is not None
    connection = socket.create_connection((host, port), timeout=60)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return connection
