"""A stack for one test: its own Redis with AOF, a shared mock, and as many gateways and workers as it starts."""

import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.faults.processes import PATIENCE_SECONDS, Process, RedisProcess, bff, free_port
from tests.faults.rest import leftovers

CHECKOUT = {"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
OPEN = ("queued", "running")
LONG_SECONDS = "120"
"""The deadline of a job that must not expire, however slow the machine is on which processes end and start."""


def headers_of(asked: Mapping[str, str]) -> dict[str, str]:
    """`request_timeout` becomes `Request-Timeout`, which is long where it is not asked for."""
    return {"Request-Timeout": LONG_SECONDS} | {name.replace("_", "-").title(): asked[name] for name in asked}


@dataclass
class Cluster:
    directory: Path
    services: Path
    redis: RedisProcess
    mock: httpx.AsyncClient
    http: httpx.AsyncClient = field(init=False)
    gateway: Process = field(init=False)
    fronts: dict[int, httpx.AsyncClient] = field(default_factory=dict)
    """To each gateway that a client may choose, by the gateway's pid."""
    metrics_port: int = 0
    started: list[Process] = field(default_factory=list)
    _ending: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def aclose(self) -> None:
        for process in self.started:
            process.kill()
        await self._ending.aclose()

    async def start_gateway(self, *, failpoint: str = "") -> Process:
        """The one that `http` talks to from here on."""
        await self.begin_gateway(failpoint=failpoint)
        await self.until_ready()
        return self.gateway

    async def begin_gateway(self, *, failpoint: str = "") -> Process:
        """Without waiting for Redis."""
        self.gateway = self._start(bff("gateway", "--port", "0"), BFF_FAILPOINT=failpoint)
        address = (await anyio.to_thread.run_sync(self.gateway.said, r"listens on (\S+)"))[1]
        http = httpx.AsyncClient(base_url=address, timeout=PATIENCE_SECONDS, verify=False, trust_env=False)
        self.http = self.fronts[self.gateway.pid] = await self._ending.enter_async_context(http)
        return self.gateway

    def any_gateway(self) -> httpx.AsyncClient:
        """To one of them, by chance."""
        return random.choice(list(self.fronts.values()))

    async def start_worker(self, *, drain_seconds: float = 10, failpoint: str = "") -> Process:
        """Return when it consumes."""
        worker = self.begin_worker(drain_seconds=drain_seconds, failpoint=failpoint)
        await anyio.to_thread.run_sync(worker.said, "consumes")
        return worker

    def begin_worker(self, *, drain_seconds: float = 10, failpoint: str = "") -> Process:
        """Without waiting for anything."""
        self.metrics_port = free_port()
        argv = bff("worker", "--metrics-port", str(self.metrics_port))
        return self._start(argv, DRAIN_SECONDS=str(drain_seconds), BFF_FAILPOINT=failpoint)

    async def metrics(self) -> str:
        """The page of the worker that was started last."""
        return (await self.mock.get(f"http://127.0.0.1:{self.metrics_port}/metrics")).text

    async def until_metrics_answer(self, worker: Process) -> None:
        async def answers() -> bool:
            assert worker.alive, worker.log.read_text()
            try:
                return bool(await self.metrics())
            except httpx.TransportError:
                return False

        await self.until(answers, "the worker has come so far as to serve metrics")

    async def submit(self, operation: str, body: Any, **headers: str) -> str:
        """The id of an accepted job."""
        sent = headers_of(headers)
        answer = await self.http.post(f"/v1/operations/{operation}", json=body, headers=sent)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    async def checkout(self, **headers: str) -> str:
        return await self.submit("checkout", CHECKOUT, **headers)

    async def job(self, job_id: str) -> dict[str, Any]:
        document: dict[str, Any] = (await self.http.get(f"/v1/jobs/{job_id}")).json()
        return document

    async def ended(self, job_ids: Sequence[str], *, within_seconds: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """The jobs, once all are in a terminal state: not one may be lost."""
        give_up_at = time.monotonic() + within_seconds
        jobs: dict[str, dict[str, Any]] = {}
        while len(jobs) < len(job_ids):
            left = [job_id for job_id in job_ids if job_id not in jobs][:100]
            found = (await self.http.get("/v1/jobs", params=[("id", job_id) for job_id in left])).json()["jobs"]
            assert len(found) == len(left), "an accepted job is unknown"
            jobs |= {job["id"]: job for job in found if job["status"] not in OPEN}
            states = [(job["status"], job["calls"]) for job in found]
            assert time.monotonic() < give_up_at, f"{len(job_ids) - len(jobs)} jobs are lost: {states[:3]}"
            await anyio.sleep(0.05)
        return [jobs[job_id] for job_id in job_ids]

    async def at_rest(self) -> None:
        """Wait until nothing is left in the broker (compensations outlive their jobs)."""
        found = await self.rest()
        assert not found, found

    async def rest(self, seconds: float = PATIENCE_SECONDS) -> list[str]:
        """Wait for it; what is left in the end."""
        give_up_at = time.monotonic() + seconds
        while (found := leftovers(self.redis.client)) and time.monotonic() < give_up_at:
            await anyio.sleep(0.05)
        return found

    async def steer(self, service: str, *, seconds: float | None = None, **settings: Any) -> None:
        """Set the mock; `seconds` is a constant latency."""
        if seconds is not None:
            settings["latency"] = {"distribution": "constant", "mean_seconds": seconds}
        answer = await self.mock.put(f"/_control/{service}", json=settings)
        assert answer.status_code == 200, answer.text

    async def counted(self, service: str) -> dict[str, int]:
        counters: dict[str, int] = (await self.mock.get(f"/_control/{service}")).json()["counters"]
        return counters

    async def until_called(self, service: str, in_flight: int = 1) -> None:
        async def called() -> bool:
            return (await self.counted(service))["in_flight"] >= in_flight

        await self.until(called, f"{service} is in the middle of {in_flight} calls")

    async def until_ready(self) -> None:
        await self.until(self._ready, "the gateway is ready")

    async def until_not_ready(self) -> None:
        async def away() -> bool:
            return not await self._ready()

        await self.until(away, "the gateway is not ready any more")

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not await holds():
            assert time.monotonic() < give_up_at, f"waited in vain until {what}"
            await anyio.sleep(0.01)

    async def no_effect_twice(self, services: Iterable[str] = ("inventory", "payments", "orders")) -> None:
        for service in services:
            assert (await self.counted(service))["max_effects_per_key"] <= 1, service

    async def _ready(self) -> bool:
        assert self.gateway.alive, self.gateway.log.read_text()
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def _start(self, argv: list[str], **environment: str) -> Process:
        process = Process(
            argv,
            self.directory / f"process-{len(self.started)}.log",
            REDIS_URL=self.redis.url,
            DOWNSTREAM_URL=str(self.mock.base_url).rstrip("/"),
            SERVICES_FILE=str(self.services),
            PYTHONUNBUFFERED="1",
            **environment,
        )
        self.started.append(process)
        return process
