"""The proxy as it is shipped, run by a real nginx."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from threading import Thread
from typing import Self

import httpx

from tests.contract.calls import Json
from tests.project.tree import ROOT

SHIPPED = ROOT / "deploy" / "nginx"
LISTENS = ("listen 8080;", "listen 8081;")


class Proxy:
    """Only where it listens, and where the gateways are, is not what is shipped."""

    def __init__(self, directory: Path, gateways: Sequence[str]) -> None:
        files = shutil.copytree(SHIPPED, directory / "files")  # makes the directory too
        servers = "".join(f"server {httpx.URL(url).netloc.decode()} max_fails=1 fail_timeout=1s;" for url in gateways)
        (files / "gateways.conf").write_text(f"upstream gateways {{ zone gateways 64k; {servers} }}\n")
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in LISTENS]
        addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
        main = (files / "nginx.conf").read_text()
        for shipped, address in zip(LISTENS, addresses, strict=True):
            assert main.count(shipped) == 1
            main = main.replace(shipped, f"listen {address};")
        (files / "nginx.conf").write_text(main)
        self.url, self.operators_url = (f"http://{address}" for address in addresses)
        self._log = directory / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                ["nginx", "-p", f"{directory}/", "-c", f"{files}/nginx.conf"],
                stdout=log,
                stderr=subprocess.STDOUT,
                # It takes over open listeners, as from a former nginx: their ports are nobody else's meanwhile.
                env=os.environ | {"NGINX": "".join(f"{listener.fileno()};" for listener in listeners)},
                pass_fds=[listener.fileno() for listener in listeners],
            )
        for listener in listeners:
            listener.close()

    def requests(self) -> list[Json]:
        """What its log says of them."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def said(self) -> str:
        return self._log.read_text()


@contextmanager
def proxy(directory: Path, *gateways: str) -> Iterator[Proxy]:
    started = Proxy(directory, gateways)
    try:
        yield started
    finally:
        started.process.send_signal(signal.SIGQUIT)
        assert started.process.wait(timeout=60) == 0, started.said()


class HangsUp:
    """A gateway that reads a request's head and goes: what it was asked is seen, and nobody knows what it did."""

    def __init__(self) -> None:
        self.heads: list[Message] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._serving = Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._serving.join()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):  # shut down
            while True:
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rb") as read:
                    read.readline()
                    self.heads.append(parse_headers(read))
