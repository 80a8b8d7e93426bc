"""The simulator's page as a process."""

import socket
import sys
from types import FrameType

import uvicorn

from bff.catalog.catalog import load_catalog
from bff.catalog.tables import CatalogError
from simulator.page.app import create_app
from simulator.page.settings import SimulatorSettings


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops, and returns from run(): uvicorn's own would raise the signal again once it has stopped."""
        self.should_exit = True


def run(settings: SimulatorSettings) -> None:
    """Serve until SIGTERM or SIGINT. SystemExit with one line where it cannot start."""
    try:
        catalog = load_catalog(settings.services_file)
    except CatalogError as error:
        sys.exit(f"bff simulator: {error}")
    listener = _listen(settings.host, settings.port)
    sys.stdout.write(f"simulator is at {_url(listener)}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        create_app(catalog, settings.services_file),
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    _Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as failure:
        reason, _, _ = str(failure.strerror).partition(" (")
        sys.exit(f"bff simulator: cannot listen on {host}:{port}: {reason}; choose another with --port")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
