"""A stack of its own for one scenario: `bff up` on free ports with the scenario's services, gone when it is left."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bff.catalog.catalog import Catalog
from bff.catalog.clients import new_key
from downstream_mock.settings import MockSettings
from gateway.settings import GatewaySettings
from loadtest.progress import Progress, Truth
from scenario.export import services_toml, settings
from scenario.stage import Stage
from stack.group import process_group
from stack.options import settings_of
from stack.settings import StackSettings
from workers.settings import WorkerSettings

STOP_SECONDS = 75.0
"""`bff up` gives each kind of process 15 s, and there are four."""
LAST_LINES = 20
LOOKED_SECONDS = 0.05


class StackDied(Exception):
    """What it said last, and where all that it said is kept."""


@dataclass(frozen=True, slots=True)
class OwnStack:
    """`urls` by name of the part: gateway, worker, worker-2, mock. As an observer it ends a run when it dies."""

    urls: Mapping[str, str]
    admin_key: str
    log: Path
    _process: "subprocess.Popen[bytes]"

    @property
    def gateway_url(self) -> str:
        return self.urls["gateway"]

    @property
    def metrics_urls(self) -> list[str]:
        return [f"{url}/metrics" for name, url in self.urls.items() if name.startswith(("gateway", "worker"))]

    def restarts(self) -> list[str]:
        """Parts that ended and were started again: what was measured meanwhile was of a stack in trouble."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if "starting it again" in line]

    async def watch(self, progress: Progress) -> None:
        """Raises StackDied."""
        while self._process.poll() is None:  # noqa: ASYNC110  it has no event
            await asyncio.sleep(10 * LOOKED_SECONDS)
        raise _died(self._process.returncode, self.log)

    def truth(self) -> Truth | None:
        return None


@contextmanager
def own_stack(stage: Stage, catalog: Catalog, workers: int = 1) -> Iterator[OwnStack]:
    """Ready. Raises NotExported, StackDied."""
    with process_group() as group:
        services, log, admin_key = group.directory / "services.toml", group.directory / "log", new_key()
        services.write_text(services_toml(stage, catalog), encoding="utf-8")
        told = {"SERVICES_FILE": str(services), "ADMIN_KEY": admin_key, **settings(stage)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(workers),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_surroundings(), **told},
                process_group=group.id,
            )
        try:
            yield OwnStack(_urls(process, log), admin_key, log, process)
        finally:
            _end(process)


def _command(workers: int) -> list[str]:
    free = ("--port=0", "--mock-port=0", "--metrics-port=0", "--no-simulator")
    return [sys.executable, "-P", "-m", "stack", "up", *free, f"--workers={workers}"]


def _surroundings() -> dict[str, str]:
    """The environment without settings: a stack of one's own uses nobody's Redis, and is the same everywhere."""
    classes = (StackSettings, GatewaySettings, WorkerSettings, MockSettings)
    ours = {setting.variable for each in classes for setting in settings_of(each)}
    return {name: value for name, value in os.environ.items() if name not in ours}


def _urls(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, str]:
    """As `bff up` announces them. Raises StackDied."""
    while not (said := log.read_text(errors="replace")).endswith("\nready\n"):
        with suppress(subprocess.TimeoutExpired):
            raise _died(process.wait(LOOKED_SECONDS), log)
    words = [line.split() for line in said.splitlines()]
    return {line[0]: line[1] for line in words if len(line) > 1 and "://" in line[1]}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """What does not end in time, the group's reaper ends."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _died(code: int, log: Path) -> StackDied:
    said = log.read_text(errors="replace")
    with tempfile.NamedTemporaryFile("w", prefix="bff-load-", suffix=".log", delete=False) as kept:
        kept.write(said)
    last = "".join(f"\n    {line}" for line in said.splitlines()[-LAST_LINES:])
    return StackDied(f"the stack ended with exit code {code}; all that it said: {kept.name}{last}")
