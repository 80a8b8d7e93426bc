import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest


@contextmanager
def a_mock(port: int = 0) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "MOCK_PORT": str(port)}
    command = [sys.executable, "-m", "downstream_mock"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly_with_calls_in_flight(stop: signal.Signals) -> None:
    with a_mock() as process:
        assert process.stdout is not None
        url = httpx.URL(process.stdout.readline().split()[-1])
        httpx.put(url.join("/_control/history"), json={"hang_rate": 1})
        assert url.port is not None
        with socket.create_connection((url.host, url.port), timeout=60) as connection:
            connection.sendall(b"GET /history/u1 HTTP/1.1\r\nHost: mock\r\n\r\n")
            while httpx.get(url.join("/_control/history")).json()["counters"]["in_flight"] == 0:
                pass
            process.send_signal(stop)
            assert connection.recv(4096) == b""
        rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, ("", ""))


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with a_mock(port) as process:
            said, complaint = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "")
    reason = "Address already in use; choose another with --port"
    assert complaint == f"downstream mock cannot listen on 127.0.0.1:{port}: {reason}\n"
