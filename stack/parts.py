"""What `bff up` runs."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from stack.ports import HOST, Ports
from stack.redis_server import RedisServer, url_of


class Role(StrEnum):
    """In the order in which they are stopped."""

    GATEWAY = "gateway"
    WORKER = "worker"
    SIMULATOR = "simulator"
    MOCK = "mock"
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep running."""

    name: str
    role: Role
    argv: tuple[str, ...]
    url: str  # where a person finds it
    ready_path: str = ""  # after `url`; see stack.ready
    note: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)  # on top of ours
    quiet: bool = False  # what it prints is shown only when it dies
    inherits: tuple[int, ...] = ()  # file descriptors


def redis_part(server: RedisServer, directory: Path, data: Path | None, inherits: Sequence[int] = ()) -> Part:
    socket = directory / "redis.sock"
    note = f"{server}, data in {data}" if data else f"{server}, in memory (--data DIR keeps it)"
    argv = server.argv(socket, data)
    return Part("redis", Role.REDIS, argv, url_of(socket), note=note, quiet=True, inherits=tuple(inherits))


def python_parts(ports: Ports, redis_url: str, keys: Mapping[str, str] = MappingProxyType({})) -> list[Part]:
    """Those of ours. URLs and `keys` go by the environment: `ps` shows nobody what is secret in them."""
    mock = _python_part(Role.MOCK, "mock", ports.mock, "/livez", note="its services: /_control")
    told = {"REDIS_URL": redis_url, "DOWNSTREAM_URL": mock.url, **keys}
    gateways = [
        _python_part(Role.GATEWAY, name, port, "/readyz", note="its API: /docs", environment=told)
        for name, port in _named(Role.GATEWAY, ports.gateways)
    ]
    workers = [
        _python_part(Role.WORKER, name, port, "/metrics", note="its metrics: /metrics", environment=told)
        for name, port in _named(Role.WORKER, ports.workers)
    ]
    pages = [] if ports.simulator is None else [ports.simulator]
    simulators = [
        _python_part(Role.SIMULATOR, name, port, "/livez", note="a page to try scenarios on")
        for name, port in _named(Role.SIMULATOR, pages)
    ]
    return [mock, *gateways, *workers, *simulators]


def _python_part(
    role: Role,
    name: str,
    port: int,
    ready_path: str,
    *,
    note: str = "",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Part:
    address = ("--metrics-port", str(port)) if role is Role.WORKER else ("--host", HOST, "--port", str(port))
    # -P: a directory `gateway` where somebody happens to stand is not ours.
    argv = (sys.executable, "-P", "-m", "stack", role.value, *address)
    unbuffered = {"PYTHONUNBUFFERED": "1", **environment}
    return Part(name, role, argv, f"http://{HOST}:{port}", ready_path, note, unbuffered)


def _named(role: Role, ports: Sequence[int]) -> list[tuple[str, int]]:
    if len(ports) == 1:
        return [(role.value, ports[0])]
    return [(f"{role}-{number}", port) for number, port in enumerate(ports, start=1)]
