"""The mock as a process."""

import gc
import socket
import sys
from types import FrameType

import uvicorn

from downstream_mock.app import Mock
from downstream_mock.protocol import ResettableProtocol
from downstream_mock.settings import MockSettings

_BACKLOG = 2048


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops, and returns from run(): uvicorn's own would raise the signal again once it has stopped."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Before uvicorn cancels the calls, which it would answer 500: an end that no service ordered.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def run(settings: MockSettings) -> None:
    """Blocks until SIGTERM or SIGINT; calls in flight are broken off. A taken port: SystemExit, code 1."""
    listener = _listen(settings.host, settings.port)
    sys.stdout.write(f"downstream mock listens on {_url(listener)}\n")
    sys.stdout.flush()
    server = _Server(_config(Mock()))
    gc.collect()
    gc.freeze()
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as failure:
        reason, _, _ = str(failure.strerror).partition(" (")
        sys.exit(f"downstream mock cannot listen on {host}:{port}: {reason}; choose another with --port")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(app: Mock) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=ResettableProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",  # breaking calls off at the end is no error to report
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=0,
    )
