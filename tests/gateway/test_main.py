"""How a gateway starts."""

import socket
import subprocess
import sys

import pytest


@pytest.mark.parametrize("option", ["--port", "--metrics-port"])
def test_a_taken_port_is_said_in_one_line(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [sys.executable, "-m", "stack", "gateway", "--port=0", f"{option}={port}"]
        tried = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    reason = f"Address already in use; choose another with {option}"
    assert tried.returncode == 1
    assert tried.stderr == f"bff gateway: cannot listen on 127.0.0.1:{port}: {reason}\n"
