"""Which ports the parts get, settled before any of them starts."""

import errno
import os
import socket
from dataclasses import dataclass

from stack.refused import Refused
from stack.settings import StackSettings

HOST = "127.0.0.1"
LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Ports:
    gateways: tuple[int, ...]
    mock: int
    workers: tuple[int, ...]
    simulator: int | None


def choose_ports(settings: StackSettings) -> Ports:
    """Raises Refused, naming the option whose port cannot be had."""
    chosen: dict[int, str] = {}
    return Ports(
        gateways=_row("--port", settings.port, settings.gateways, chosen),
        mock=_row("--mock-port", settings.mock_port, 1, chosen)[0],
        workers=_row("--metrics-port", settings.metrics_port, settings.workers, chosen),
        simulator=_simulator(settings, chosen) if settings.simulator else None,
    )


def _simulator(settings: StackSettings, chosen: dict[int, str]) -> int:
    """A port that nobody asked for keeps nobody from starting: a second stack's page goes elsewhere."""
    try:
        return _choose("--simulator-port", settings.simulator_port, chosen)
    except Refused:
        if "simulator_port" in settings.model_fields_set:
            raise
        return _choose("--simulator-port", 0, chosen)


def _row(option: str, first: int, length: int, chosen: dict[int, str]) -> tuple[int, ...]:
    return tuple(_choose(option, first + place if first else 0, chosen) for place in range(length))


def _choose(option: str, wanted: int, chosen: dict[int, str]) -> int:
    if wanted > LAST_PORT:
        raise Refused(f"there is no port {wanted} ({option} and those that follow); choose a lower {option}")
    if wanted in chosen:
        raise Refused(_line(option, wanted, f"is wanted by {chosen[wanted]} too"))
    port = _bindable(option, wanted)
    while not wanted and port in chosen:
        port = _bindable(option, wanted)
    chosen[port] = option
    return port


def _bindable(option: str, wanted: int) -> int:
    with socket.socket() as probe:
        # As servers do: connections of a former run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(wanted != 0))
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise Refused(_line(option, wanted, _reason(error))) from error
        port: int = probe.getsockname()[1]
        return port


def _line(option: str, port: int, reason: str) -> str:
    return f"port {port} ({option}) {reason}; choose another with {option}"


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is taken by another program"
    return f"cannot be opened: {os.strerror(error.errno or 0)}"
