"""Who is measured: this gateway, as `bff` runs it, and others, each as its own documentation has it at its best."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loadtest.benchmarks.bench.redis_server import RedisServer
from loadtest.benchmarks.bench.services import services_file

ROOT = Path(__file__).parents[3]
PEERS = ROOT / "loadtest" / "benchmarks" / "peers"
OUR_PYTHON = Path(sys.executable)
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
BARE = "bare FastAPI, collector tuned"
BARE_HTTP = "bare aiohttp, no queue"


class Contestant(Protocol):
    """Each command is run with `environment`."""

    @property
    def name(self) -> str: ...

    @property
    def keyed(self) -> bool:
        """Whether each request has an Idempotency-Key."""

    def environment(self, redis: RedisServer, directory: Path, downstream: str = "") -> dict[str, str]: ...

    def serve(self) -> list[str]: ...

    def worker(self, *, calling: bool) -> list[str]: ...

    def enqueue(self, jobs: int, size: int) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """This project, from a checkout that `make setup` has set up."""

    name: str
    checkout: Path = ROOT
    keyed: bool = False

    @property
    def _python(self) -> str:
        return str(OUR_PYTHON if self.checkout == ROOT else self.checkout / ".venv" / "bin" / "python")

    def environment(self, redis: RedisServer, directory: Path, downstream: str = "") -> dict[str, str]:
        services = services_file(directory, downstream or "http://127.0.0.1:9")
        return {"REDIS_URL": redis.url, "SERVICES_FILE": str(services)}

    def serve(self) -> list[str]:
        return [self._python, "-P", "-m", "stack", "gateway", "--port=0"]

    def worker(self, *, calling: bool = True) -> list[str]:
        return [self._python, str(PEERS / "bff_worker.py")]

    def working(self) -> list[str]:
        """A worker as it is, that nothing is counted in."""
        return [self._python, "-P", "-m", "stack", "worker", "--metrics-port=0"]

    def enqueue(self, jobs: int, size: int) -> list[str]:
        return [*self.jobs("enqueue"), str(jobs), str(size), *(["--keyed"] if self.keyed else [])]

    def jobs(self, what: str) -> list[str]:
        return [self._python, str(PEERS / "bff_jobs.py"), what]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library: peers/with_*.py. Its worker is one where jobs are `doing_nothing`, another where they call."""

    name: str
    module: str
    doing_nothing: Sequence[str]
    calling: Sequence[str]
    python: Path = PEERS_PYTHON
    keyed: bool = False

    def environment(self, redis: RedisServer, directory: Path, downstream: str = "") -> dict[str, str]:
        return {"REDIS_URL": redis.url, "PYTHONPATH": str(PEERS)}

    def serve(self) -> list[str]:
        return self._as_process("serve")

    def worker(self, *, calling: bool) -> list[str]:
        program, *arguments = self.calling if calling else self.doing_nothing
        return [str(self.python.with_name(program)), *arguments]

    def enqueue(self, jobs: int, size: int) -> list[str]:
        return [*self._as_process("enqueue"), str(jobs), str(size)]

    def waiting(self) -> list[str]:
        """Its client that waits for results; it is to be told of the rate and of how many jobs."""
        return self._as_process("latency")

    def _as_process(self, what: str) -> list[str]:
        return [str(self.python), str(PEERS / "peer.py"), self.module, what]


@dataclass(frozen=True, slots=True)
class Bare:
    """What there is without a queue: peers/bare.py."""

    name: str
    variant: str
    keyed: bool = False

    def environment(self, redis: RedisServer, directory: Path, downstream: str = "") -> dict[str, str]:
        return {}

    def serve(self) -> list[str]:
        return [str(OUR_PYTHON), str(PEERS / "bare.py"), self.variant]

    def worker(self, *, calling: bool = True) -> list[str]:
        return self.serve()

    def enqueue(self, jobs: int, size: int) -> list[str]:
        return []


BARE_SERVERS = (
    Bare("bare ASGI", "asgi"),
    Bare("bare FastAPI", "fastapi"),
    Bare(BARE, "fastapi-tuned"),
)
AIOHTTP = Bare(BARE_HTTP, "http")
ARQ = Peer("arq", "with_arq", ["arq", "with_arq.WorkerSettings"], ["arq", "with_arq.WorkerSettings"], python=OUR_PYTHON)
_STREAQ = ["streaq", "run", "with_streaq:worker"]
_TASKIQ = ["taskiq", "worker", "with_taskiq:broker", "--workers", "1", "--max-async-tasks", "100"]
_SAQ = ["saq", "with_saq.settings"]
_CELERY = ["celery", "-A", "with_celery", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"]
_DRAMATIQ = ["dramatiq", "with_dramatiq", "--processes", "1", "--threads"]
PEER_LIBRARIES = (
    ARQ,
    Peer("streaq", "with_streaq", _STREAQ, _STREAQ),
    Peer("taskiq", "with_taskiq", _TASKIQ, _TASKIQ),
    Peer("saq", "with_saq", _SAQ, _SAQ),
    Peer(
        "celery",
        "with_celery",
        [*_CELERY, "--concurrency", "1"],
        [*_CELERY, "--pool", "threads", "--concurrency", "100"],
    ),
    Peer("dramatiq", "with_dramatiq", [*_DRAMATIQ, "8"], [*_DRAMATIQ, "100"]),
)


def keyed(gateway: Gateway) -> Gateway:
    return Gateway(f"{gateway.name}, Idempotency-Key", gateway.checkout, keyed=True)


def directory_of(contestant: Contestant, under: Path) -> Path:
    """One of its own, new."""
    directory = under / re.sub(r"\W+", "-", contestant.name)
    directory.mkdir()
    return directory


def answering(after_seconds: float) -> list[str]:
    """The command of what is called: it answers each POST after so long."""
    return [str(OUR_PYTHON), str(PEERS / "answering.py"), str(after_seconds)]


def told(marks: Path, redis: RedisServer, first: int, last: int) -> Mapping[str, str]:
    """What a worker has to know to count."""
    return {
        "BENCH_MARKS": str(marks),
        "BENCH_FIRST": str(first),
        "BENCH_LAST": str(last),
        "BENCH_REDIS_PID": str(redis.process.pid),
    }
