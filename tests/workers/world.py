"""A worker's world in small: a catalog for tests, a real broker, and a downstream that answers as it is told."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from bff.broker.arrivals import Arrivals
from bff.broker.cell import Cell
from bff.broker.job import Job
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Jobs, Submission
from bff.broker.lanes import Entry, Lanes
from bff.broker.pipeline import Pipeline
from bff.calls.perform import Performer
from bff.catalog.catalog import Catalog, load_catalog
from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request
from bff.catalog.services import Service
from bff.downstream.client import Downstream
from bff.downstream.outcome import Outcome, Reason, Verdict
from bff.trace.context import NOWHERE, TraceContext
from workers.consumer import Consumer
from workers.metrics import Metrics

SERVICES = """
[services.main]
base_url = "http://127.0.0.1:1/main"
max_concurrency = 2
timeout_seconds = 1.0
expected_seconds = 0.01
capacity = 100
retry = { attempts = 3, base_seconds = 0.01, max_seconds = 0.02 }

[services.paced]
base_url = "http://127.0.0.1:1/paced"
max_concurrency = 100
rate_per_second = 50
timeout_seconds = 1.0
expected_seconds = 0.01
capacity = 100

[services.wide]
base_url = "http://127.0.0.1:1/wide"
max_concurrency = 40
timeout_seconds = 1.0
expected_seconds = 0.01
capacity = 100

[services.careless]
base_url = "http://127.0.0.1:1/careless"
max_concurrency = 2
timeout_seconds = 1.0
expected_seconds = 0.01
capacity = 100
honours_idempotency_key = false
"""


class Anything(Parameters):
    n: int = 1


def _request(parameters: Anything, outcomes: Outcomes) -> Request:
    return Request("POST", "/work", {"n": parameters.n, "before": dict(outcomes)})


def _broken(parameters: Anything, outcomes: Outcomes) -> Request:
    raise KeyError("no such outcome")


def an_operation(name: str, *calls: Call) -> Operation:
    return Operation(
        name=name,
        summary="For tests.",
        parameters=Anything,
        example={},
        calls=calls,
        timeout_seconds=dict.fromkeys(Priority, 20.0),
    )


def a_call(name: str = "work", service: str = "main", **changes: Any) -> Call:
    return replace(Call(name=name, service=service, build=_request), **changes)


UNDO = Compensation(name="undo", service="main", build=_request)
OPERATIONS = (
    an_operation("plain", a_call()),
    an_operation("paced", a_call(service="paced")),
    an_operation("wide", a_call(service="wide")),
    an_operation("careless", a_call(service="careless")),
    an_operation("once", a_call(at_most_once=True)),
    an_operation("static", a_call(fallback={"items": []})),
    an_operation("cached", a_call(cache_seconds=60, fallback={"items": []})),
    an_operation("broken", a_call(build=_broken)),
    an_operation("two-steps", a_call("first", compensation=UNDO), a_call("second", after=("first",))),
)

SUCCESS = Outcome(Verdict.SUCCEEDED, 7, data=b'{"ok":true}', http_status=200)
REFUSAL = Outcome(Verdict.REFUSED, 7, http_status=400, reason=Reason.HTTP_STATUS)
PUSH_BACK = Outcome(Verdict.PUSHED_BACK, 7, http_status=429, reason=Reason.HTTP_STATUS, retry_after_ms=300)
UNREACHED = Outcome(Verdict.UNREACHED, 7, reason=Reason.CONNECTION_FAILED)
UNKNOWN = Outcome(Verdict.UNKNOWN, 7, http_status=500, reason=Reason.HTTP_STATUS)


class Scripted(Downstream):
    """Answers with these outcomes in turn, the last one again and again; with none, it hangs until it is broken off."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[Request] = []
        self.asked: list[dict[str, Any]] = []
        self.in_flight = self.most_in_flight = 0
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()
        if outcomes:
            self.may_answer.set()

    async def perform(
        self,
        service: Service,
        request: Request,
        *,
        idempotency_key: str,
        timeout_seconds: float,
        trace: TraceContext = NOWHERE,
    ) -> Outcome:
        self.requests.append(request)
        self.asked.append({"key": idempotency_key, "timeout_seconds": timeout_seconds, "trace": trace})
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.called.set()
        try:
            await self.may_answer.wait()
        finally:
            self.in_flight -= 1
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


@dataclass
class World:
    cell: Cell
    pipeline: Pipeline
    url: str
    redis: Any
    arrivals: list[Arrivals] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.catalog)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.cell)

    @property
    def catalog(self) -> Catalog:
        return self.cell.catalog

    async def submit(self, operation: str = "plain", **changes: Any) -> str:
        submission = Submission(
            id=new_job_id(),
            operation=operation,
            client="public",
            priority=Priority.NORMAL,
            timeout_ms=20_000,
            parameters=b'{"n": 1}',
        )
        accepted = await self.jobs.submit(replace(submission, **changes))
        assert isinstance(accepted, Accepted), accepted
        return submission.id

    def performer(self, downstream: Downstream, service: str = "main", catalog: Catalog | None = None) -> Performer:
        lanes = Lanes(self.cell, service, "w1")
        return Performer(catalog or self.catalog, self.catalog.services[service], lanes, downstream, self.metrics)

    def consumer(self, downstream: Downstream, service: str = "main") -> Consumer:
        performer = self.performer(downstream, service)
        self.arrivals.append(Arrivals(performer.lanes, self.url))
        return Consumer(performer, performer.lanes, self.arrivals[-1], self.metrics)

    async def taken(self, service: str = "main") -> Entry:
        """The next entry, waiting for it to be due."""
        lanes = Lanes(self.cell, service, "w1")
        while True:
            await self.cell.run("requeue", [self.cell.keys.parked()], [10])
            if entries := (await lanes.take(1)).entries:
                return entries[0]
            await asyncio.sleep(0.005)

    async def performed(self, downstream: Downstream, service: str = "main") -> Entry:
        """Take the next entry and perform it."""
        entry = await self.taken(service)
        await self.performer(downstream, service).perform(entry)
        return entry

    async def crash(self, entry: Entry) -> None:
        """As if its worker had died, and the entry had been reclaimed: its effect is unknown."""
        self.redis.hset(self.cell.keys.service("main"), "timeout_ms", -1000)
        assert (await Lanes(self.cell, "main", "w1").reclaim())[0] == 1
        self.redis.hset(self.cell.keys.service("main"), "timeout_ms", 1000)

    async def job(self, job_id: str) -> Job:
        job = await self.jobs.read(job_id)
        assert job is not None
        return job

    async def ended(self, job_id: str) -> Job:
        job = await self.job(job_id)
        while not job.status.terminal:
            await asyncio.sleep(0.005)
            job = await self.job(job_id)
        return job

    async def until(self, holds: Callable[[], object]) -> None:
        """The test's time limit ends it."""
        while True:
            if holds():
                return
            await asyncio.sleep(0.005)

    def is_open(self, service: str) -> bool:
        return int(self.redis.hget(self.cell.keys.service(service), "breaker.open_until") or 0) > 0

    def break_open(self, service: str) -> None:
        self.redis.hset(self.cell.keys.service(service), "breaker.open_until", int(time.time() * 1000) + 50_000)

    def pending(self, service: str = "main") -> int:
        """Entries that workers hold."""
        return sum(self.redis.xpending(lane, "workers")["pending"] for lane in self.cell.keys.lanes(service))

    def parked(self) -> int:
        return int(self.redis.zcard(self.cell.keys.parked()))


@cache
def a_catalog() -> Catalog:
    """Nobody changes it."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(SERVICES)
        file.flush()
        return load_catalog(Path(file.name), operations=OPERATIONS)
