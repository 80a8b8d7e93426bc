"""A small catalog, and builders with defaults, for tests of the broker."""

import asyncio
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bff.broker.cell import Cell, Runs
from bff.broker.job import CallStatus, Job, Source, When
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Jobs, Notify, Submission
from bff.broker.keys import Keys
from bff.broker.lanes import End, Entry, Lanes
from bff.broker.outbox import Outbox, Turn
from bff.catalog.catalog import Catalog, load_catalog
from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request

SERVICES = """
[services.fast]
base_url = "http://127.0.0.1:1"
max_concurrency = 100
timeout_seconds = 1
expected_seconds = 0.01
capacity = 10_000

[services.stock]
base_url = "http://127.0.0.1:1"
max_concurrency = 3
timeout_seconds = 0.05
expected_seconds = 0.05
capacity = 10
shares = { high = 1.0, normal = 1.0, low = 0.3 }

[services.paced]
base_url = "http://127.0.0.1:1"
max_concurrency = 100
rate_per_second = 100
timeout_seconds = 1
expected_seconds = 0.01
capacity = 10_000
"""


class Nothing(Parameters):
    pass


def _request(parameters: Nothing, outcomes: Outcomes) -> Request:
    return Request("POST", "/")


def call(name: str, service: str = "fast", **more: Any) -> Call:
    return Call(name=name, service=service, build=_request, **more)


def _operation(name: str, *calls: Call) -> Operation:
    return Operation(
        name=name,
        summary=name,
        parameters=Nothing,
        example={},
        calls=calls,
        timeout_seconds=dict.fromkeys(Priority, 10.0),
    )


def undo(name: str) -> Compensation:
    return Compensation(name=name, service="fast", build=_request)


OPERATIONS = (
    _operation("one", call("only")),
    _operation("scarce", call("only", "stock")),
    _operation("steady", call("only", "paced")),
    _operation(
        "order",
        call("reserve", compensation=undo("release")),
        call("charge", after=("reserve",), compensation=undo("refund")),
        call("confirm", after=("charge",)),
    ),
    _operation("screen", call("must"), call("nice", required=False), call("more", after=("nice",), required=False)),
    _operation("crowded", call("must"), call("nice", "stock", required=False)),
    _operation(
        "chain", call("must"), call("nice", "stock", required=False), call("more", after=("nice",), required=False)
    ),
    _operation(
        "soft",
        call("must"),
        call("static", "stock", fallback={"items": []}),
        call("cached", "stock", required=False, cache_seconds=60),
        call("both", "stock", cache_seconds=60, fallback={"items": [1]}),
    ),
    _operation(
        "both", call("left-hand", compensation=undo("un-left")), call("right-hand", compensation=undo("un-right"))
    ),
)


@cache
def a_catalog(text: str = SERVICES) -> Catalog:
    """Nobody changes it: read once, and not for each of hundreds of worlds."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        return load_catalog(Path(file.name), operations=OPERATIONS)


HOOK = Notify("https://hooks.example/x", When.ALWAYS)
MAIL = Notify("mailto:a@example.com", When.UNCLAIMED)

GOOD = End(
    status=CallStatus.SUCCEEDED, effect=True, milliseconds=7, data=b'{"ok":true}', source=Source.LIVE, http_status=200
)
BAD = End(status=CallStatus.FAILED, effect=False, milliseconds=7, http_status=402, error="http-status")


@dataclass
class World:
    """One cell under a key prefix of its own."""

    redis: Runs
    catalog: Catalog = field(default_factory=a_catalog)
    keys: Keys = field(default_factory=lambda: Keys(uuid.uuid4().hex))
    process: str = ""

    def __post_init__(self) -> None:
        self.cell = Cell(self.redis, self.catalog, self.keys, process=self.process)
        self.jobs = Jobs(self.cell)
        self.outbox = Outbox(self.cell)

    def lanes(self, service: str = "fast", consumer: str = "w1") -> Lanes:
        return Lanes(self.cell, service, consumer)

    async def submit(self, operation: str = "one", **more: Any) -> Any:
        defaults: Mapping[str, Any] = {
            "id": new_job_id(),
            "client": "public",
            "priority": Priority.NORMAL,
            "timeout_ms": 10_000,
            "parameters": b"{}",
        }
        return await self.jobs.submit(Submission(operation=operation, **{**defaults, **more}))

    async def accepted(self, operation: str = "one", **more: Any) -> str:
        answer = await self.submit(operation, **more)
        assert isinstance(answer, Accepted), answer
        return answer.job.id

    async def job(self, job_id: str) -> Job:
        job = await self.jobs.read(job_id)
        assert job is not None
        return job

    async def take(self, service: str = "fast", wanted: int = 100) -> list[Entry]:
        return list((await self.lanes(service).take(wanted)).entries)

    async def do(self, end: End = GOOD, service: str = "fast") -> list[str]:
        """Take what there is and end it so; the calls' names."""
        entries = await self.take(service)
        for entry in entries:
            await self.lanes(service).finish(entry, end)
        return [entry.call for entry in entries]

    async def due(self, job_id: str) -> int | None:
        """In how many ms its notification is due; None: there is none in the outbox."""
        score = await self.redis.execute("ZSCORE", self.keys.notify(), job_id)
        return None if score is None else int(score) - await self.now_ms()

    async def make_due(self, job_id: str) -> None:
        """As if the time until then had passed."""
        await self.redis.execute("ZADD", self.keys.notify(), "XX", 0, job_id)

    async def handed(self) -> list[Turn]:
        return await self.outbox.hand_over(100)

    async def deliver(self) -> list[str]:
        """All that is in the outbox, due or not; the ids of the jobs."""
        ids = [member.decode() for member in await self.redis.execute("ZRANGE", self.keys.notify(), 0, -1)]
        for job_id in ids:
            await self.make_due(job_id)
        for turn in await self.handed():
            if await self.outbox.begin(turn):
                await self.outbox.delivered(turn)
        return ids

    async def now_ms(self) -> int:
        """By the broker's clock."""
        seconds, micros = await self.redis.execute("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def until_ms(self, moment_ms: int) -> None:
        """Wait until the broker's clock is past this moment."""
        while await self.now_ms() <= moment_ms:
            await asyncio.sleep(0.005)

    async def statuses(self, job_id: str) -> dict[str, str]:
        return {call.name: str(call.status) for call in (await self.job(job_id)).calls}

    async def set(self, service: str, **fields: int) -> None:
        """What scripts know of a service; `__` stands for a dot."""
        if not await self.redis.execute("EXISTS", self.keys.service(service)):
            await self.cell.configure()
        flat = [part for name, value in fields.items() for part in (name.replace("__", "."), value)]
        await self.redis.execute("HSET", self.keys.service(service), *flat)

    async def breaker(self, service: str = "stock", *, open_ms: int) -> None:
        """Open for so long; half-open for 0."""
        await self.set(service, breaker__open_until=await self.now_ms() + open_ms, breaker__since=0)

    async def booked(self, service: str = "fast") -> int:
        fields = [f"booked.{priority}" for priority in Priority]
        values = await self.redis.execute("HMGET", self.keys.service(service), *fields)
        return sum(int(value or 0) for value in values)

    async def leftovers(self) -> dict[str, Any]:
        """What is not back at zero (invariant 4): empty after every run."""
        found: dict[str, Any] = {}
        for service in self.catalog.services:
            found[f"booked {service}"] = await self.booked(service)
            parked = await self.redis.execute("HGET", self.keys.service(service), "parked")
            found[f"parked {service}"] = int(parked or 0)
            for lane in self.keys.lanes(service):
                found[f"pending {lane}"] = (await self.redis.execute("XPENDING", lane, "workers"))[0]
                found[f"entries {lane}"] = await self.redis.execute("XLEN", lane)
            found[f"sync {service}"] = await self.redis.execute("ZCARD", self.keys.sync(service))
        found["parked"] = await self.redis.execute("ZCARD", self.keys.parked())
        found["outbox"] = await self.redis.execute("ZCARD", self.keys.notify())
        found["deadlines"] = await self.redis.execute("ZCARD", self.keys.deadlines())
        for key in await self.redis.execute("KEYS", f"{self.keys.client('*')}"):
            found[f"in flight of {key}"] = int(await self.redis.execute("HGET", key, "in_flight"))
        kept = ("settings", "service", "plan", "lane", "dead", "client", "unclaimed")
        for key in await self.redis.execute("KEYS", f"{self.keys.prefix}:*"):
            if key.decode().split("}:")[1].split(":")[0] not in kept:
                found[f"no expiry {key}"] = int(await self.redis.execute("PTTL", key) < 0)
        return {name: value for name, value in found.items() if value}
