"""A Redis of one contestant's own, on the drivers' core, and what it says of itself."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from redis import Redis

from loadtest.benchmarks.bench.processes import DRIVING_CORE, Process, free_port, started
from stack.redis_server import find_redis_server

_MONITORED = re.compile(rb'^\+?\d+\.\d+ \[\d+ (\S+?)\] "([^"]+)"', re.MULTILINE)

_THE_LAST = b"all-has-been-heard"


@dataclass(frozen=True, slots=True)
class RedisServer:
    url: str
    port: int
    process: Process

    @contextmanager
    def client(self) -> Iterator[Any]:  # redis-py types each answer as one that may have to be awaited
        with Redis(port=self.port) as redis:
            yield redis

    def empty(self) -> None:
        with self.client() as redis:
            redis.flushall()

    def memory_bytes(self) -> int:
        with self.client() as redis:
            return int(redis.info("memory")["used_memory"])

    @contextmanager
    def overheard(self) -> Iterator["Counter[str]"]:
        """What clients send meanwhile, by command; what scripts call is not in it. Slows Redis down."""
        heard: Counter[str] = Counter()
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"MONITOR\r\n")
            connection.recv(5)  # +OK
            listening = Thread(target=_listen, args=(connection, heard), daemon=True)
            listening.start()
            yield heard
            with socket.create_connection(("127.0.0.1", self.port)) as last:
                last.sendall(b"ECHO " + _THE_LAST + b"\r\n")
                listening.join()
            del heard["echo"]


def _listen(connection: socket.socket, heard: "Counter[str]") -> None:
    said = b""
    while data := connection.recv(1 << 20):
        said += data
        whole, _, said = said.rpartition(b"\r\n")
        before, the_last, _ = whole.partition(_THE_LAST)
        heard.update(commands_of(before))
        if the_last:
            return


def commands_of(monitored: bytes) -> Iterator[str]:
    """The commands in lines of MONITOR that came from clients."""
    for origin, command in _MONITORED.findall(monitored):
        if origin != b"lua":
            yield command.decode().lower()


@contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    port = free_port()
    # By TCP, as in production. Nothing is kept: what a disk takes is not what is compared.
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)]
    program = str(find_redis_server().program)
    ready = re.compile(r"Ready to accept connections")
    with started([program, *options], core=DRIVING_CORE, ready=ready) as process:
        yield RedisServer(f"redis://127.0.0.1:{port}/0", port, process)
