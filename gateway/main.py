"""One gateway process: uvicorn around the application, drained at SIGTERM."""

import asyncio
import logging
import resource
import socket
import sys
from contextlib import suppress
from contextvars import Context
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from bff.catalog.catalog import load_catalog
from bff.catalog.clients import ClientRegister
from bff.catalog.tables import CatalogError
from bff.garbage import spare_what_stays
from bff.logs import log_to_stderr
from bff.trace.start import traced
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.protocol import bounded
from gateway.push.frames import BoundedSocketProtocol
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

BACKLOG = 2048
MAX_MESSAGE_BYTES = 65_536
USER_TIMEOUT_MS = 45_000
"""A peer that acknowledges nothing for so long is gone, or does not read; sooner, those who wait for it see to it."""
LATE_SECONDS = 0.5
"""For requests on connections that were there when the signal came."""
SEND_BUFFER_BYTES = 65_536
"""What Linux keeps of a connection (twice that): a client that reads slowly gets what is new the sooner."""


class GatewayServer(uvicorn.Server):
    """Tells the gateway to drain before uvicorn shuts down, so that held answers go out whole."""

    gateway: Gateway | None = None
    loop: asyncio.AbstractEventLoop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.gateway is None or self.should_exit:
            super().handle_exit(sig, frame)
        else:  # not at once: a signal comes in the middle of anything
            about_nothing = Context()  # whatever request it came in the middle of
            self.loop.call_soon_threadsafe(self._leave, self.gateway, sig, frame, context=about_nothing)
        self._captured_signals.clear()  # uvicorn would raise it again at the end; to have been asked is no failure

    def _leave(self, gateway: Gateway, sig: int, frame: FrameType | None) -> None:
        """Nobody new is let in; who was, could not know, and is served before anything is refused (ADR 22)."""
        for server in self.servers:
            server.close()
        self.loop.call_later(LATE_SECONDS if self.server_state.connections else 0, self._drain, gateway, sig, frame)

    def _drain(self, gateway: Gateway, sig: int, frame: FrameType | None) -> None:
        log.info("drains: takes nothing more")
        gateway.drain()
        super().handle_exit(sig, frame)
        self._captured_signals.clear()

    def started_with(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.servers = []  # uvicorn has none before it listens
        self.loop = asyncio.get_running_loop()
        spare_what_stays()


def run(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT. SystemExit with one line where it cannot start."""
    log_to_stderr(settings.log_format, settings.log_level)
    _allow_open_files()
    try:
        catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
        clients = ClientRegister(settings.clients_file)
    except CatalogError as error:
        sys.exit(f"bff gateway: {error}")
    for client in clients.now().by_name.values():
        for operation in sorted((client.operations or frozenset()) - catalog.operations.keys()):
            log.warning("client %s may ask for %s, which this gateway does not offer", client.name, operation)
    listeners = [listener_on(settings.host, settings.port)]
    if settings.metrics_port is not None:
        listeners.append(listener_on(settings.metrics_host, settings.metrics_port, "--metrics-port"))
        log.info("metrics on http://%s:%d/metrics", *listeners[1].getsockname()[:2])
    metrics_port = listeners[1].getsockname()[1] if len(listeners) > 1 else None
    app = create_app(settings, catalog, clients, lambda gateway: server.started_with(gateway), metrics_port)
    server = GatewayServer(config_of(app, settings, metrics_port))
    log.info("gateway listens on http://%s:%d", *listeners[0].getsockname()[:2])
    with traced("bff-gateway"):
        server.run(sockets=listeners)
    log.info("has ended")


def config_of(app: ASGIApp, settings: GatewaySettings, metrics_port: int | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded(settings.max_connections, metrics_port),
        ws=BoundedSocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # it doubles what an idle socket costs
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,  # ours, with the time
        log_level="error",  # what a client does wrong is answered, not logged
        backlog=BACKLOG,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def _allow_open_files() -> None:
    """As many as the system lets this process have: each client that waits is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says unlimited, and grants less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listener_on(host: str, port: int, option: str = "--port") -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        listener.bind(address)
        listener.listen(BACKLOG)  # so that it is true when it is said
    except OSError as error:
        sys.exit(f"bff gateway: cannot listen on {host}:{port}: {error.strerror}; choose another with {option}")
    return listener
