"""The worker as a process: hosted by arq, told by its environment."""

import asyncio
import json
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.exceptions import WatchError

from bff.broker.cell import Cell
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Ended, JobStatus
from bff.broker.keys import Keys
from bff.broker.workers import workers
from bff.catalog.catalog import load_catalog
from tests.broker.servers import Server
from tests.faults.processes import Process, bff, free_port
from tests.workers.world import World
from workers import main
from workers.maintenance import reclaim
from workers.metrics import Metrics
from workers.settings import WorkerSettings

pytestmark = pytest.mark.anyio

HOSTS = {
    "bff": bff("worker"),
    "arq": [str(Path(sys.executable).with_name("arq")), "workers.main.WorkerSettings"],
}
Start = Callable[..., Process]


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def start(argv: list[str], **environment: str) -> Process:
        log = tmp_path / f"worker-{len(started)}.log"
        started.append(Process(argv, log, **{"REDIS_URL": server.url, **environment}))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.mark.parametrize("host", HOSTS)
async def test_it_works_until_it_is_told_to_stop(start: Start, world: World, host: str) -> None:
    port = free_port()
    prefix = world.cell.keys.prefix
    catalog = load_catalog()
    own = World(Cell(world.pipeline, catalog, Keys(prefix)), world.pipeline, world.url, world.redis)
    worker = start(
        HOSTS[host],
        KEY_PREFIX=prefix,
        WORKER_METRICS_PORT=str(port),
        DOWNSTREAM_URL=f"http://127.0.0.1:{free_port()}",
        LOG_FORMAT="json",
        LOG_LEVEL="DEBUG",
    )
    worker.said("consumes echo, ")
    job = await own.ended(await own.submit("echo", parameters=b'{"text":"hi"}'))
    assert (job.status, job.calls[0].error) == (JobStatus.FAILED, "connection-failed")
    async with httpx.AsyncClient(verify=False, trust_env=False) as http:
        page = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'bff_calls_total{outcome="unreached",service="echo"} 3.0' in page
    assert 'bff_call_retries_total{service="echo"} 2.0' in page
    assert re.search(r'bff_jobs_finished_total\{mode="async",operation="echo",.*status="failed"\} 1\.0', page)
    assert 'bff_worker_slots{service="echo",state="leased"} 0.0' in page
    assert [alive.services.keys() for alive in await workers(own.cell)] == [catalog.services.keys()]
    worker.send(signal.SIGTERM)
    assert worker.exit_code() == 0
    assert await workers(own.cell) == []
    said = worker.log.read_text()
    assert "Traceback" not in said
    lines = list(map(json.loads, said.splitlines()))
    assert [line for line in lines if line["logger"].startswith("arq")] == []
    of_process = [line["message"] for line in lines if line["logger"] == "workers.main"]
    assert of_process[-2:] == ["drains: takes nothing more", "has ended"]


async def test_a_job_of_arqs_of_which_a_failover_left_the_id_alone_is_let_go_in_one_line(
    start: Start, world: World
) -> None:
    prefix = world.cell.keys.prefix
    await world.pipeline.execute("ZADD", f"{prefix}:arq", 1, "half-lost")
    worker = start(bff("worker"), KEY_PREFIX=prefix, DOWNSTREAM_URL=f"http://127.0.0.1:{free_port()}")
    worker.said("job half-lost expired")
    worker.send(signal.SIGTERM)
    assert worker.exit_code() == 0
    assert await world.pipeline.execute("ZCARD", f"{prefix}:arq") == 0
    assert "error serializing" not in worker.log.read_text()


async def test_a_worker_whose_metrics_port_is_taken_says_so_in_one_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = start(bff("worker"), WORKER_METRICS_PORT=str(port))
        assert worker.exit_code() == 1
    reason = "Address already in use; choose another with --metrics-port"
    assert worker.log.read_text() == f"bff worker: cannot serve metrics on 127.0.0.1:{port}: {reason}\n"


async def test_a_worker_with_a_wrong_catalog_says_so_in_one_line(start: Start, tmp_path: Path) -> None:
    services = tmp_path / "services.toml"
    services.write_text("[services.echo]\nbase_urls = 1\n")
    worker = start(bff("worker"), SERVICES_FILE=str(services), WORKER_METRICS_PORT="0")
    assert worker.exit_code() == 1
    assert re.fullmatch(r"bff worker: .*services\.toml, line \d+: .*\n", worker.log.read_text())


class CutOff:
    """What arq's worker is where a job of its own was cancelled: it has not called what is to be called at its end."""

    def __init__(self, main_task: "asyncio.Future[None] | None" = None) -> None:
        self.main_task = main_task
        self.ctx: dict[Any, Any] = {}
        self.shut_down = False

    def run(self) -> None:
        raise asyncio.CancelledError

    async def on_shutdown(self, _: dict[Any, Any]) -> None:
        self.shut_down = True


def hosted_by(worker: CutOff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_log_to_stderr", lambda _: None)
    monkeypatch.setattr(main, "arq_settings", lambda _: {})
    monkeypatch.setattr(main, "create_worker", lambda _: worker)
    with ThreadPoolExecutor(1) as own_loop:
        own_loop.submit(main.run, WorkerSettings()).result()


def test_what_arq_comes_no_further_to_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = CutOff()
    hosted_by(worker, monkeypatch)
    assert worker.shut_down


def test_what_ended_arq_is_not_hidden_by_the_jobs_that_it_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    broken: asyncio.Future[None] = loop.create_future()
    broken.set_exception(WatchError("the connection was lost"))
    worker = CutOff(broken)
    with pytest.raises(WatchError):
        hosted_by(worker, monkeypatch)
    assert worker.shut_down
    loop.close()


async def test_reclaiming_waits_for_a_broker_that_is_away() -> None:
    class Away:
        async def reclaim(self) -> tuple[int, list[Ended]]:
            raise BrokerUnavailable("away")

    assert await reclaim({"lanes": [Away()], "metrics": Metrics(load_catalog())}) == 0
